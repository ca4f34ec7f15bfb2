const TICK = /"message":"tick( with errors)?"/;

/** Whether the tick failed that this line of the function's log reports; `undefined` if the line reports no tick. */
export function failedTick(line: string): boolean | undefined {
  const tick = TICK.exec(line);
  return tick === null ? undefined : tick[1] !== undefined;
}
