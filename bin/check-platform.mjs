// Fails with a clear message on Windows. Without it, the scripts would fail with confusing errors: cmd.exe has no `exec`.
if (process.platform === 'win32') {
  console.error(
    'agent-launcher runs on Linux, macOS or WSL. On Windows, clone and run it inside WSL: https://learn.microsoft.com/windows/wsl/install',
  );
  process.exitCode = 1;
}
