import { existsSync, readdirSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitepress"
import { pages } from "./pages.js"

/** Made by TypeDoc from the comments of the source. A site that is served for writing may do without. */
const api = fileURLToPath(new URL("../api", import.meta.url))
const modules = existsSync(api) ? readdirSync(api).filter((name) => name !== "index.md").sort() : []

export default defineConfig({
  title: "effect-redis-cache",
  description: "Caching over Redis for Effect: typed errors, layers, one load in the fleet.",
  cleanUrls: true,
  lastUpdated: false,
  themeConfig: {
    nav: [
      { text: "Guide", link: "/getting-started" },
      { text: "Recipes", link: "/guides/recipes" },
      { text: "API", link: "/api/" }
    ],
    sidebar: [
      ...pages,
      {
        text: "API",
        collapsed: true,
        items: modules.map((name) => ({
          text: basename(name, ".md"),
          link: name.endsWith(".md") ? `/api/${basename(name, ".md")}` : `/api/${name}/`
        }))
      }
    ],
    outline: [2, 3],
    // An index that is built with the site: it works without a network.
    search: { provider: "local" }
  }
})
