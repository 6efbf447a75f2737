import type { Problem } from '@dits/contracts';
import { closingQuote, type JsonLimits } from './json-shape.js';

// A key is the sender's, and may be as long as the body.
const MAX_PATH_LENGTH = 200;

interface Level {
  /** Null for a list. */
  keys: Set<string> | null;
  /** Step from this level to the value that comes next: a key, or the place in a list. */
  step: string | number;
  /** In an object: the next string is a key. */
  awaitsKey: boolean;
}

/**
 * The first place where a text goes beyond the limits, or says a key twice, or one that reaches the prototype; null when there
 * is none. For refusals alone: it costs several times what JSON.parse does.
 */
export function faultOf(text: string, limits: JsonLimits): Problem | null {
  const levels: Level[] = [];
  let values = 0;
  const fault = (message: string): Problem => ({ path: pathOf(levels, limits.listName), message });
  for (let i = 0; i < text.length; i++) {
    const level = levels.at(-1);
    switch (text.charAt(i)) {
      case '"': {
        const end = closingQuote(text, i);
        if (level?.awaitsKey && level.keys) {
          const key = unescaped(text.slice(i, end + 1));
          level.step = key;
          level.awaitsKey = false;
          if (key === '__proto__') return fault('is a key that is not taken');
          if (level.keys.has(key)) return fault('stands there twice');
          level.keys.add(key);
        }
        i = end;
        break;
      }
      case '{':
      case '[': {
        const isList = text.charAt(i) === '[';
        if (levels.length === limits.depth) return fault(`is nested deeper than ${limits.depth} levels`);
        levels.push({ keys: isList ? null : new Set(), step: isList ? 0 : '', awaitsKey: !isList });
        if (++values > limits.values) return tooMany(limits);
        break;
      }
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (typeof level?.step === 'number') level.step++;
        else if (level) level.awaitsKey = true;
        if (++values > limits.values) return tooMany(limits);
    }
  }
  return null;
}

function tooMany({ values }: JsonLimits): Problem {
  return { path: '', message: `holds more than ${values} keys and list items` };
}

/** A key as JSON.parse reads it; as it stands when it is none, since then the text is not JSON and refused for that. */
function unescaped(raw: string): string {
  try {
    return JSON.parse(raw) as string;
  } catch {
    return raw;
  }
}

function pathOf(levels: Level[], listName = ''): string {
  const [first] = levels;
  const path = levels.reduce(
    (text, { step }) => {
      if (typeof step === 'number') return `${text}[${step}]`;
      return text ? `${text}.${step}` : step;
    },
    first?.keys === null ? listName : '',
  );
  return path.length > MAX_PATH_LENGTH ? `${path.slice(0, MAX_PATH_LENGTH)}…` : path;
}
