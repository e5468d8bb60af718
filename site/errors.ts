// What readers are told of what went wrong, in pages and workers alike.

/** The words of an error, or of whatever else was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is at an address. An error says what cannot be read, and why. */
export async function fetched(what: string, address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${what} cannot be read: ${response.status} ${response.statusText}`);
  return response;
}
