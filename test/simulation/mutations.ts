/**
 * `npm run simulate:mutations [-- --worlds N] [--seed S] [--only TEXT]`: takes one thing at a time from the launcher, and
 * shows in how many of N worlds which promise is broken then. Exit code 1 when a mutant that should be caught is not, or
 * one that is said to survive does not.
 */
import { parseArgs } from 'node:util';
import { MUTANTS, MutantFolder } from './mutants.ts';
import { runWorlds, total } from './threads.ts';

const { values } = parseArgs({
  options: {
    worlds: { type: 'string', default: '300' },
    seed: { type: 'string', default: 'mutants' },
    only: { type: 'string', default: '' },
  },
});
const worlds = Number(values.worlds);
const folder = new MutantFolder();
let wrong = 0;
try {
  process.stdout.write(
    `| what is wrong with the launcher | worlds | caught in | promises broken |\n|---|---|---|---|\n`,
  );
  for (const mutant of MUTANTS.filter(({ name }) => name.includes(values.only))) {
    const profile = mutant.profile ?? 'all';
    const sums = await runWorlds({ seed: values.seed, profile, worlds, folder: folder.write(mutant) });
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
    process.stdout.write(
      `| ${mutant.name} | ${worlds} ${profile} | ${broken.length} | ${result}${asExpected ? '' : ` **expected ${mutant.breaks.join(' or ') || 'none'}**`} |\n`,
    );
  }
} finally {
  folder.remove();
}
process.exitCode = wrong === 0 ? 0 : 1;
