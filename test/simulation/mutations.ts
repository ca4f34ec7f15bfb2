/**
 * `npm run simulate:mutations [-- --worlds N] [--seed S] [--only TEXT] [--write]`: runs each mutant of the launcher in N worlds
 * (fewer if a world takes seconds) and shows which promises it breaks. With `--write`, it also updates the table in docs/reliability.md.
 * The exit code is 1 if the result of any mutant differs from the expected one.
 */
import { parseArgs } from 'node:util';
import { writeSection } from '../lib/network/reachability/sections.ts';
import { MUTANTS, MutantFolder, trialOf } from './mutants.ts';
import { runWorlds, total } from './threads.ts';

const { values } = parseArgs({
  options: {
    worlds: { type: 'string', default: '300' },
    seed: { type: 'string', default: 'mutants' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const worlds = Number(values.worlds);
const folder = new MutantFolder();
const lines: string[] = [];
const say = (line: string): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};
let wrong = 0;
try {
  say('| change to the launcher | worlds | caught in | promises broken |\n|---|---|---|---|');
  for (const mutant of MUTANTS.filter(({ name }) => name.includes(values.only))) {
    const trial = trialOf(mutant, worlds);
    const sums = await runWorlds({ seed: values.seed, ...trial, folder: folder.write(mutant) });
    const { broken } = total(sums);
    const promises = [...new Set(broken.map(({ promise }) => promise))].sort();
    const counts = promises.map((promise) => `${promise} (${broken.filter((one) => one.promise === promise).length})`);
    const asExpected =
      mutant.survivesBecause === undefined
        ? promises.some((promise) => mutant.breaks.includes(promise))
        : promises.length === 0;
    if (!asExpected) wrong += 1;
    const remark = mutant.survivesBecause ?? '';
    const result = counts.join(', ') || `none${remark && `: ${remark}`}`;
    say(
      `| ${mutant.name} | ${trial.worlds} ${trial.profile} | ${broken.length} | ${result}${asExpected ? '' : ` **expected ${mutant.breaks.join(' or ') || 'none'}**`} |`,
    );
  }
} finally {
  folder.remove();
}
if (values.write && wrong === 0 && values.only === '') {
  writeSection('docs/reliability.md', 'mutations', lines.join('\n'));
}
process.exitCode = wrong === 0 ? 0 : 1;
