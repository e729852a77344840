// The console page: publish and subscribe by hand.

import { prepareCommands } from './copy-command.js';
import { prepareEvents } from './console-events.js';
import { preparePublishing } from './console-publish.js';
import { prepareSubscribing } from './console-subscribe.js';
import { prepareToken } from './console-token.js';
import { prepareTopics } from './console-topics.js';

const events = prepareEvents((id) => subscribing.resumeAfter(id));
const subscribing = prepareSubscribing(events.add);
const showers = [subscribing.showCurl, preparePublishing(events.nameTopicOf)];
prepareToken(() => showers.forEach((show) => show()));
showers.forEach((show) => show());
prepareCommands();
prepareTopics();
