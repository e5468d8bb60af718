/**
 * The part of sanitize-html's options that is used here; the package itself comes without types.
 */
declare module "sanitize-html" {
  function sanitize(html: string, options: sanitize.IOptions): string;
  namespace sanitize {
    type Attributes = Record<string, string>;
    type Transformer = (tagName: string, attribs: Attributes) => { tagName: string; attribs: Attributes };
    type AllowedAttribute = string | { name: string; values: string[] };
    interface IOptions {
      allowedTags: string[];
      allowedAttributes: Record<string, AllowedAttribute[]>;
      allowedClasses?: Record<string, string[]>;
      allowedStyles?: Record<string, Record<string, RegExp[]>>;
      allowedSchemes?: string[];
      allowedSchemesByTag?: Record<string, string[]>;
      allowProtocolRelative?: boolean;
      nonTextTags?: string[];
      exclusiveFilter?: (frame: { tag: string; attribs: Attributes }) => boolean;
      parser?: { lowerCaseTags?: boolean; lowerCaseAttributeNames?: boolean };
      transformTags?: Record<string, Transformer>;
    }
  }
  export default sanitize;
}
