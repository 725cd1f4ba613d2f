/** The folder of the project, as what is built sees it. */
export const root = new URL('../../', import.meta.url)
