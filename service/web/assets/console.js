// The console page: publish and subscribe by hand.

import { prepareCommands } from './copy-command.js';
import { preparePublishing } from './console-publish.js';
import { prepareSubscribing } from './console-subscribe.js';

prepareSubscribing();
preparePublishing();
prepareCommands();
