// Reading and publishing events of Fanfare, or of any server of Server-Sent Events and Mercure.
export { FanfareError } from "./error.js";
export { publish, publishMany } from "./publish.js";
export { Subscription, subscribe } from "./subscription.js";
