export { arbitraryEvent, arbitraryEventOf, arbitraryText } from './arbitrary-event.js';
export type { EventSizes } from './arbitrary-event.js';
