/** Which images the pools' tasks run. */
import type { Settings } from './settings.ts';

/** References of the images that any pool runs, each once; `undefined` stands for the one that is built. */
export function imagesOf({ agentImage, pools }: Pick<Settings, 'agentImage' | 'pools'>): (string | undefined)[] {
  const common = 'registry' in agentImage ? agentImage.registry : undefined;
  return [...new Set(pools.map(({ image }) => image ?? common))];
}
