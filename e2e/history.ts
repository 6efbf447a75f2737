import { until, type Platform } from './platform.ts';

/** A delivery as the api shows it, as far as tests ask. */
export interface DeliveryDetail {
  id: string;
  event: string;
  status: string;
  request: { body: string };
  attempts: { attempt: number; response: { status: number } | null }[];
}

/** The newest delivery of a webhook with everything known about it, once its status is `Delivered`. */
export async function deliveredTo(
  platform: Platform,
  { repositoryId, webhookId }: { repositoryId: number; webhookId: string },
): Promise<DeliveryDetail> {
  const url = `${platform.api}/v1/repos/${repositoryId}/webhooks/${webhookId}/deliveries`;
  const { json } = await until(
    () => platform.call<{ data: { id: string; status: string }[] }>('GET', url),
    ({ json: { data } }) => data[0]?.status === 'Delivered',
    60_000,
  );
  const detail = await platform.call<DeliveryDetail>('GET', `${url}/${json.data[0]!.id}`);
  if (detail.status !== 200) throw new Error(`reading a delivery: ${detail.status}`);
  return detail.json;
}
