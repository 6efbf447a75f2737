/** Name of the function that publishes an event: `push.tag` has `pushTag`. */
export type MethodName<Event extends string> = Event extends `${infer Head}.${infer Rest}`
  ? `${MethodName<Head>}${Capitalize<MethodName<Rest>>}`
  : Event extends `${infer Head}_${infer Rest}`
    ? `${MethodName<Head>}${Capitalize<MethodName<Rest>>}`
    : Event;

/** As {@link MethodName}. */
export function methodName(event: string): string {
  return event.replaceAll(/[._]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
