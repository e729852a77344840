// The console page: publish and subscribe by hand.

import { prepareCommands } from './copy-command.js';
import { preparePublishing } from './console-publish.js';
import { prepareSubscribing } from './console-subscribe.js';
import { prepareToken } from './console-token.js';

const showers = [prepareSubscribing(), preparePublishing()];
prepareToken(() => showers.forEach((show) => show()));
showers.forEach((show) => show());
prepareCommands();
