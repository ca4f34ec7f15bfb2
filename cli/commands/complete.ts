import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

const HELP = `
The shell finds agent-launcher in PATH, so install the package globally or
link it. Start a new shell afterwards.

Examples:
  agent-launcher complete bash >> ~/.bashrc   # needs bash-completion
  agent-launcher complete zsh > "\${fpath[1]}/_agent-launcher"
  agent-launcher complete fish >> ~/.config/fish/config.fish
  agent-launcher complete powershell >> $PROFILE`;

/**
 * `complete`: prints the script that a shell needs to complete commands and options, and answers the script. It reads the program's commands, so it
 * comes after them. The library writes to the process's stdout.
 */
export function registerCompletion(program: Command): void {
  tab(program);
  const command = program.commands.find((one) => one.name() === 'complete');
  printWithoutConstants(command);
  command
    ?.description('print the completion script of a shell: bash, zsh, fish or powershell')
    .addHelpText('after', HELP);
}

/**
 * The library declares constants in its script for bash with `readonly`, so that a shell that reads the script twice prints errors. They become ordinary
 * variables. The library prints with `console.log`, which `runCommandLine` restores, also after an error.
 */
function printWithoutConstants(command: Command | undefined): void {
  const { log } = console;
  command?.hook('preAction', () => {
    console.log = (text: unknown) => log(String(text).replace(/^readonly (?=ShellCompDirective\w+=)/gm, ''));
  });
}
