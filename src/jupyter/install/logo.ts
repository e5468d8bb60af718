/**
 * The kernel's picture in Jupyter's launcher: a page table, one entry of it followed.
 */
export const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img" aria-label="ptlab">
<rect x="4" y="6" width="22" height="52" rx="3" fill="#235a97"/>
<path d="M4 19h22M4 32h22M4 45h22" stroke="#fff" stroke-width="2"/>
<rect x="38" y="6" width="22" height="22" rx="3" fill="#e8871e"/>
<rect x="38" y="36" width="22" height="22" rx="3" fill="#8aa7c7"/>
<path d="M20 38.500h8q4 0 4-4V21q0-4 4-4h2" fill="none" stroke="#e8871e" stroke-width="3"/>
</svg>
`;
