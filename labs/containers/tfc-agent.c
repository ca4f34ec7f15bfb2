/*
 * Emulates tfc-agent and tfc-agent-core as compiled programs. A script can't run with mode 0711, and wouldn't show what the
 * kernel lets a job see of the process that holds the agent token.
 *
 * Like the real programs, both are in one directory, `tfc-agent version` runs both, and each clears the token from its
 * environment and keeps it in memory. With -DREADS_ITSELF, they must read their own program. A job is the script
 * /stub-job.sh. Without one, the agent waits for SIGTERM.
 */
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t terminated;
static void on_term(int signal) {
  (void)signal;
  terminated = 1;
}

int main(int argc, char **argv) {
  char self[4096] = "";
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return 1;
#ifdef READS_ITSELF
  if (open("/proc/self/exe", O_RDONLY) < 0) {
    fprintf(stderr, "open %s: permission denied\n", self);
    return 1;
  }
#endif
  char core[4200];
  int is_core = strcmp(basename(argv[0]), "tfc-agent-core") == 0;
  snprintf(core, sizeof core, "%s-core", self);

  if (argc > 1 && strcmp(argv[1], "version") == 0) {
    printf("%s version: 1.33.0\n", is_core ? "Core" : "Agent");
    fflush(stdout);
    if (is_core) return 0;
    execl(core, core, "version", (char *)NULL);
    return 1;
  }

  const char *given = getenv("TFC_AGENT_TOKEN");
  char *token = strdup(given == NULL ? "" : given);
  unsetenv("TFC_AGENT_TOKEN");
  if (!is_core) {
    signal(SIGTERM, on_term);
    printf("2026-08-24T10:00:00.000Z [INFO]  agent: Starting: name=%s arguments=%s\n", getenv("TFC_AGENT_NAME"),
           argc > 1 ? argv[1] : "");
    puts("2026-08-24T10:00:01.000Z [INFO]  core: Waiting for next job");
    fflush(stdout);
    if (access("/stub-job.sh", R_OK) != 0) {
      while (!terminated) usleep(50000);
      puts("2026-08-24T10:00:09.000Z [INFO]  core: Shutting down");
      return 0;
    }
    puts("2026-08-24T10:00:02.000Z [INFO]  core: Job received: job_type=plan job_id=run-abc");
    fflush(stdout);
  }
  pid_t child = fork();
  if (child == 0) {
    if (is_core) {
      execl("/bin/sh", "sh", "/stub-job.sh", (char *)NULL);
    } else {
      setenv("TFC_AGENT_TOKEN", token, 1);
      execl(core, core, (char *)NULL);
    }
    _exit(126);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) continue;
  return token[0] == '\0' ? 2 : WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
