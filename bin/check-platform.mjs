// Ends with one clear sentence where the rest would fail with confusing ones: `exec` and paths with slashes mean nothing to cmd.exe.
if (process.platform === 'win32') {
  console.error(
    'agent-launcher runs on Linux, macOS or WSL. On Windows, clone and run it inside WSL: https://learn.microsoft.com/windows/wsl/install',
  );
  process.exitCode = 1;
}
