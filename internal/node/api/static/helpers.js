// What the status page asks others for.

// isLatestRelease resolves to whether a version is the newest release of a
// repository of GitHub, "owner/name". It rejects when that cannot be told.
export async function isLatestRelease(version, repository) {
  const answer = await fetch(`https://api.github.com/repos/${repository}/releases/latest`, {
    headers: { Accept: "application/vnd.github+json" },
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) {
    throw new Error(`GitHub answered ${answer.status}`);
  }
  const { tag_name: latest } = await answer.json();
  const plain = (name) => String(name).trim().replace(/^v/, "");
  return plain(latest) === plain(version);
}
