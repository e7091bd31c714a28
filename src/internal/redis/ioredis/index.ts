/** What layers need of the driver on a real Redis. Loading it loads ioredis. */
export { borrowCluster, connectCluster } from "../cluster/cluster.js"
export { borrow, connect } from "../connection.js"
export { parse as parseUrl } from "../url.js"
