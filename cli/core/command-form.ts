/** How the user starts the command, so that a command line in a message can be copied. */

/**
 * A command line in the form in which the user started this one: through the script in a clone, with `npx`, or by its name.
 *
 * npm sets the environment of the programs it runs: `npm_lifecycle_event` is the name of the script, or `npx`.
 * https://docs.npmjs.com/cli/v11/using-npm/scripts#current-lifecycle-event
 *
 * @param command without the program's name, such as `why run-CZcmD7eagjhyX0vN`
 */
export function commandForm(env: Readonly<Record<string, string | undefined>>, command: string): string {
  switch (env['npm_lifecycle_event']) {
    case 'agent-launcher':
      return `npm run --silent agent-launcher -- ${command}`;
    case 'npx':
      return `npx agent-launcher ${command}`;
    default:
      return `agent-launcher ${command}`;
  }
}

/** The text with each command in another form. A command is `agent-launcher …` in backticks. */
export function withCommands(text: string, form: (command: string) => string): string {
  return text.replace(/`agent-launcher ([^`]+)`/g, (_, command: string) => `\`${form(command)}\``);
}
