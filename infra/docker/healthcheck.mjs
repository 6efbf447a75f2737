// 0 when the app in this container says at /readyz that it is ready. Node alone: the image has no curl.
try {
  const url = `http://127.0.0.1:${process.env.DITS_ADMIN_PORT}/readyz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) console.error(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.error(`${error.message}: ${error.cause?.message ?? ''}`);
  process.exitCode = 1;
}
