import type { ContainerLaunch, TaskRunner } from './core/runner.ts';

/** What a server gives to the runner that carries its containers. */
export interface RunnerHost {
  readonly region: string;
  /** Base of the metadata endpoint, `http://127.0.0.1:1234/v4`; known once the server listens. */
  readonly metadataUrl: () => string;
  /** One line of a container's output, without its line break. */
  readonly output: (launch: ContainerLaunch, stream: 'stdout' | 'stderr', line: string) => void;
}

/** A runner with something of the machine in its hands. */
export interface MachineRunner extends TaskRunner {
  /** Ends all that runs: SIGTERM, and after `graceMs` SIGKILL. Afterwards nothing of it is left. */
  close(graceMs: number): Promise<void>;
  /** SIGKILL to everything at once. */
  killAll(): void;
}
