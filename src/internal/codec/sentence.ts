/** What is wrong with a key, a value or an option, and where, in words. */
export const sentence = ({ detail, path }: { readonly detail: string; readonly path: string }): string => {
  if (path === "$") return detail.startsWith("is ") ? `it ${detail}` : detail
  return detail.startsWith("is ") ? `${path} ${detail}` : `${detail} (at ${path})`
}
