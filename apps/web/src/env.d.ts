/** What vite makes of an import. */
declare module '*?url' {
  const address: string;
  export default address;
}
declare module '*.css';
declare module '@fontsource-variable/source-serif-4/wght.css';
declare module 'virtual:readme-example' {
  export function example(): Promise<void>;
}
declare module 'virtual:readme-source' {
  const source: string;
  export default source;
}
