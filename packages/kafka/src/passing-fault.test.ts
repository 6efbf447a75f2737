import { expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { isPassing, isPassingStill } from './passing-fault.js';

const { KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } = kafkajs;
const protocolError = (type: string, retriable: boolean) =>
  new KafkaJSProtocolError(Object.assign(new Error(type), { type, retriable }));

it.each([
  ['an election', protocolError('LEADER_NOT_AVAILABLE', true), { isPassing: true, isPassingStill: true }],
  [
    'an election that outlasts the tries of kafkajs',
    new KafkaJSNumberOfRetriesExceeded(protocolError('LEADER_NOT_AVAILABLE', true), {
      retryCount: 5,
      retryTime: 1_000,
    }),
    { isPassing: false, isPassingStill: true },
  ],
  [
    'a refusal',
    protocolError('INVALID_REPLICATION_FACTOR', false),
    { isPassing: false, isPassingStill: false },
  ],
  [
    'a broker that is not there',
    new KafkaJSNumberOfRetriesExceeded(new kafkajs.KafkaJSConnectionError('connect ECONNREFUSED'), {
      retryCount: 5,
      retryTime: 1_000,
    }),
    { isPassing: false, isPassingStill: false },
  ],
  ['any other error', new Error('oops'), { isPassing: false, isPassingStill: false }],
])('judges %s', (_, error, expected) => {
  expect({ isPassing: isPassing(error), isPassingStill: isPassingStill(error) }).toEqual(expected);
});
