import type { ContainerLaunch, TaskRunner } from './core/runner.ts';

/** The server's part of a runner's options. */
export interface RunnerHost {
  readonly region: string;
  /** Base of the metadata endpoint, such as `http://127.0.0.1:1234/v4`. It is known when the server listens. */
  readonly metadataUrl: () => string;
  /** One line of a container's output, without the line break. */
  readonly output: (launch: ContainerLaunch, stream: 'stdout' | 'stderr', line: string) => void;
}

/** A runner that uses resources of the machine. */
export interface MachineRunner extends TaskRunner {
  /** Ends all containers with SIGTERM, and with SIGKILL after `graceMs`. Afterwards nothing is left. */
  close(graceMs: number): Promise<void>;
  /** Sends SIGKILL to everything immediately. */
  killAll(): void;
}
