/** Made by build.mjs from Natural Earth's shapes. */
declare module "world:" {
  const world: {
    width: number;
    height: number;
    /** The outline of all land. */
    land: string;
    /** ISO 3166-1 alpha-2 → the middle of the country's largest part. */
    at: Record<string, [number, number]>;
  };
  export default world;
}
