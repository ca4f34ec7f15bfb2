import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type IStackSynthesizer, type StackProps } from 'aws-cdk-lib';
import { SynthesisMessageLevel } from 'aws-cdk-lib/cx-api';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { SETTINGS_KEY, type Settings } from '../../lib/settings/parse.ts';
import type { CodeKeys } from './code.ts';
import type { CfnTemplate } from './json.ts';
import { StandaloneSynthesizer } from './standalone-synthesizer.ts';

export interface Standalone {
  readonly template: CfnTemplate;
  /** Warnings about the settings, as `cdk synth` prints them. */
  readonly warnings: readonly string[];
}

/**
 * The template of the settings, in JSON. Synthesis bundles no code and builds no image.
 *
 * @param flags of `cdk.json`: they determine names in the template, so that `cdk deploy` creates the same stack
 */
export function synthesize(
  settings: Settings,
  flags: Readonly<Record<string, unknown>>,
  props: Pick<StackProps, 'env' | 'synthesizer'>,
): { readonly json: string; readonly warnings: readonly string[] } {
  const outdir = mkdtempSync(join(tmpdir(), 'agent-launcher-synth-'));
  try {
    const app = new App({
      outdir,
      analyticsReporting: false,
      context: {
        ...flags,
        'aws:cdk:bundling-stacks': [],
        // Otherwise, synthesis prints a report with the name of a file that is deleted here.
        '@aws-cdk/core:annotationsInValidationReport': false,
        '@aws-cdk/core:validateAgainstDefaultRules': false,
      },
    });
    const stack = new AgentLauncherStack(app, settings.stackName, { settings, ...props });
    const { messages } = app.synth().getStackArtifact(stack.artifactId);
    return {
      json: readFileSync(join(outdir, stack.templateFile), 'utf8'),
      warnings: messages
        .filter(({ level }) => level === SynthesisMessageLevel.WARNING)
        .map(({ entry }) => String(entry.data)),
    };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/**
 * The template of the settings, without bootstrap. The ZIP files contain the code.
 *
 * @param flags as for {@link synthesize}
 * @throws {NeedsDockerError} if the settings request an image that Docker builds
 */
export function synthesizeStandalone(
  settings: Settings,
  code: CodeKeys,
  flags: Readonly<Record<string, unknown>> = {},
): Standalone {
  const synthesizer = new StandaloneSynthesizer((name) => {
    const key = code.get(name);
    if (key === undefined) throw new Error(`The function ${name} has no ZIP file.`);
    return key;
  });
  // The CDK's own types don't allow the `undefined` that its classes have.
  const props = { synthesizer: synthesizer as unknown as IStackSynthesizer };
  const { json, warnings } = synthesize(settings, flags, props);
  return { template: JSON.parse(json), warnings };
}

/** The context of `cdk.json` in a folder. */
export function contextIn(folder: string): Readonly<Record<string, unknown>> {
  const { context = {} }: { context?: Record<string, unknown> } = JSON.parse(
    readFileSync(join(folder, 'cdk.json'), 'utf8'),
  );
  return context;
}

/** The feature flags of a context: everything that isn't a setting. */
export function flagsIn(context: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(context).filter(([key]) => key !== SETTINGS_KEY && key.includes(':')));
}
