/** The regions of registries, each with the number, city, country and continent of its data center. */
const LOCATIONS = [
  ['sjc', 12, 'Silicon Valley', 'US', 'North America'],
  ['ewr', 1, 'New Jersey', 'US', 'North America'],
  ['fra', 9, 'Frankfurt', 'DE', 'Europe'],
  ['blr', 102, 'Bangalore', 'IN', 'Asia'],
  ['sgp', 40, 'Singapore', 'SG', 'Asia'],
] as const;
/** The regions of container registries. */
export const registryRegions = LOCATIONS.map(([name, dataCenterId, city, country, continent], at) => ({
  id: at + 1,
  name,
  urn: `${name}.vultrcr.com`,
  base_url: `https://${name}.vultrcr.com`,
  public: true,
  added_at: '2023-07-11 13:07:32',
  updated_at: '2023-07-11 13:07:32',
  data_center: {
    id: dataCenterId,
    name: city,
    site_code: `${name.toUpperCase()}1`,
    region: name,
    country,
    continent,
    description: city,
    airport: name.toUpperCase(),
  },
}));
