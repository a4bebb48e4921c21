#define _GNU_SOURCE
#include "CSys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

const int csys_cld_exited = CLD_EXITED;
const long csys_number_of_read = SYS_read;
const long csys_number_of_readv = SYS_readv;
#ifdef SYS_select
const long csys_number_of_select = SYS_select;
#else
const long csys_number_of_select = -1;
#endif
const long csys_number_of_pselect = SYS_pselect6;
#ifdef SYS_poll
const long csys_number_of_poll = SYS_poll;
#else
const long csys_number_of_poll = -1;
#endif
const long csys_number_of_ppoll = SYS_ppoll;
#ifdef SYS_epoll_wait
const long csys_number_of_epoll_wait = SYS_epoll_wait;
#else
const long csys_number_of_epoll_wait = -1;
#endif
const long csys_number_of_epoll_pwait = SYS_epoll_pwait;
#ifdef SYS_epoll_pwait2
const long csys_number_of_epoll_pwait2 = SYS_epoll_pwait2;
#else
const long csys_number_of_epoll_pwait2 = -1;
#endif
const long csys_number_of_futex = SYS_futex;
const long csys_number_of_sigtimedwait = SYS_rt_sigtimedwait;

int csys_open_pty(char *path, size_t path_capacity) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0) return -1;
  int failed = unlockpt(master) != 0 ? errno : ptsname_r(master, path, path_capacity);
  if (failed) {
    close(master);
    errno = failed;
    return -1;
  }
  return master;
}

int csys_pty_pending(int master) {
  /* FIONREAD on the master would count output; the slave has to be asked. */
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (slave < 0) return -1;
  /* What was written to the master lies with a worker of the kernel's until it gets round to it: a look for input that finds none makes it
     do so first. It also finds an end of input, which is no byte. */
  struct pollfd entry = {.fd = slave, .events = POLLIN};
  int waits = poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN);
  int count = 0;
  int result = ioctl(slave, FIONREAD, &count);
  if (result == 0 && waits && count == 0) count = 1;
  int error = errno;
  close(slave);
  errno = error;
  return result < 0 ? -1 : count;
}

int csys_pty_number(int master) {
  unsigned number = 0;
  return ioctl(master, TIOCGPTN, &number) == 0 ? (int)number : -1;
}

void csys_give_back_freed_memory(void) { malloc_trim(0); }

int csys_prefer_short_turns(uint64_t nanoseconds) {
  /* Not in this libc's headers (sched_setattr(2)). */
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return -1;
  /* Whoever asked for another policy knows what for. */
  if (attributes.policy != SCHED_OTHER) return 0;
  attributes.runtime = nanoseconds;
  attributes.flags |= SCHED_FLAG_RESET_ON_FORK;
  return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/* Linux keeps a nice value per thread; 0 is the calling one. */
int csys_step_back(int nice) { return setpriority(PRIO_PROCESS, 0, nice); }

int csys_watch_folder(const char *path) {
  int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch < 0) return -1;
  uint32_t events = IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  if (inotify_add_watch(watch, path, events) >= 0) return watch;
  int failed = errno;
  close(watch);
  errno = failed;
  return -1;
}

int csys_lock_file(int file) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(file, F_OFD_SETLK, &lock);
}

int csys_is_file_locked(int file) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(file, F_OFD_GETLK, &lock) != 0) return -1;
  return lock.l_type != F_UNLCK;
}

static int is_spared(pid_t pid, const pid_t *spared, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (spared[i] == pid) return 1;
  return 0;
}

// Reaps those ended children that can only be found one by one, behind one that is spared.
static int reap_listed(const pid_t *spared, size_t spared_count) {
  DIR *folder = opendir("/proc");
  if (!folder) return 0;
  int reaped = 0;
  struct dirent *entry;
  while ((entry = readdir(folder))) {
    char *end;
    long pid = strtol(entry->d_name, &end, 10);
    if (*end || pid <= 0 || is_spared((pid_t)pid, spared, spared_count)) continue;
    // Nothing for what is no child of ours or has not ended.
    if (waitpid((pid_t)pid, NULL, WNOHANG | __WALL) == (pid_t)pid) reaped++;
  }
  closedir(folder);
  return reaped;
}

int csys_reap_others(const pid_t *spared, size_t spared_count) {
  int reaped = 0;
  while (1) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return reaped;
    if (is_spared(info.si_pid, spared, spared_count)) return reaped + reap_listed(spared, spared_count);
    if (waitpid(info.si_pid, NULL, WNOHANG) == info.si_pid) reaped++;
  }
}

int csys_watch_children(void) {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &children, NULL) != 0) return -1;
  return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

int csys_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int csys_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int csys_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int argument_count;
static char **argument_list;

// The C library hands these to constructors as it does to main.
__attribute__((constructor)) static void keep_arguments(int count, char **list, char **environment) {
  (void)environment;
  argument_count = count;
  argument_list = list;
}

int csys_argument_count(void) { return argument_count; }
const char *csys_argument(int index) { return argument_list[index]; }

int csys_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int csys_exit_info(int pidfd, int *status) {
  /* struct pidfd_info and PIDFD_GET_INFO of Linux 6.13, its exit code of 6.15; in no libc's headers yet. */
  struct {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t exit_code;
  } info;
  memset(&info, 0, sizeof info);
  info.mask = 1u << 3;
  if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, sizeof info), &info) != 0) return -1;
  if (!(info.mask & 1u << 3)) return 0;
  *status = info.exit_code;
  return 1;
}

int csys_reap(int pidfd, int *code, int *status) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int result;
  do result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
  while (result < 0 && errno == EINTR);
  if (result < 0) return -1;
  if (info.si_pid == 0) return 0;
  *code = info.si_code;
  *status = info.si_status;
  return 1;
}

// What every child begins with: a session of its own, no signal blocked, every signal at its default. Both are the caller's to destroy.
static int begin_spawn(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int failed = posix_spawnattr_init(attributes);
  if (failed) return failed;
  failed = posix_spawn_file_actions_init(actions);
  if (failed) {
    posix_spawnattr_destroy(attributes);
    return failed;
  }
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return 0;
}

// The ordinary way: posix_spawn shares the address space until exec, so it costs the same whatever the heap.
// POSIX_SPAWN_SETSID comes before the file actions: the slave, opened without O_NOCTTY by a session leader that has no
// terminal, becomes its controlling terminal (tty_ioctl(4)).
static int spawn_plain(const csys_spawn_request *request, pid_t *pid) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  int failed = begin_spawn(&attributes, &actions);
  if (failed) return failed;
  failed = posix_spawn_file_actions_addopen(&actions, 0, request->terminal, O_RDWR, 0);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, 0, 1);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, 0, 2);
  if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (!failed && request->directory) failed = posix_spawn_file_actions_addchdir_np(&actions, request->directory);

  // posix_spawn has no attribute for limits: the child takes over ours, so ours is lowered for the length of the call.
  struct rlimit own;
  int lowered = 0;
  if (!failed && request->open_file_limit >= 0 && getrlimit(RLIMIT_NOFILE, &own) == 0) {
    struct rlimit childs = {.rlim_cur = (rlim_t)request->open_file_limit, .rlim_max = own.rlim_max};
    if (childs.rlim_cur < own.rlim_cur) lowered = setrlimit(RLIMIT_NOFILE, &childs) == 0;
  }
  if (!failed)
    failed = posix_spawn(pid, request->executable, &actions, &attributes, (char *const *)request->arguments,
                         (char *const *)request->environment);
  if (lowered) setrlimit(RLIMIT_NOFILE, &own);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

// In the child of clone3: only async-signal-safe calls. Returns only when something failed.
static void become_child(const csys_spawn_request *request) {
  // CLONE_CLEAR_SIGHAND resets what was handled, but what was ignored would stay ignored through exec.
  struct sigaction standard;
  memset(&standard, 0, sizeof standard);
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  if (setsid() < 0) return;
  int terminal = open(request->terminal, O_RDWR);
  if (terminal < 0) return;
  if (dup2(terminal, 0) < 0 || dup2(terminal, 1) < 0 || dup2(terminal, 2) < 0) return;
  if (terminal > 2) close(terminal);
  if (request->open_file_limit >= 0) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)request->open_file_limit < limit.rlim_cur) {
      limit.rlim_cur = (rlim_t)request->open_file_limit;
      setrlimit(RLIMIT_NOFILE, &limit);
    }
  }
  if (request->directory && chdir(request->directory) < 0) return;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(request->executable, (char *const *)request->arguments, (char *const *)request->environment);
}

// Born inside a cgroup: only clone3 can do that. It copies the caller's page tables, so the caller should be small.
static int spawn_into_cgroup(const csys_spawn_request *request, pid_t *pid, int *pidfd) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) < 0) return errno;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);

  int child_pidfd = -1;
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_PIDFD | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
  arguments.pidfd = (uint64_t)(uintptr_t)&child_pidfd;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = (uint64_t)request->cgroup;
  long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) {
    // The report's end must outlive the closing of everything above 2, so descriptors are marked instead of closed:
    // the successful exec closes them, this one included.
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0) become_child(request);
    int failed = errno;
    ssize_t written = write(report[1], &failed, sizeof failed);
    (void)written;
    _exit(127);
  }
  int failed = child < 0 ? -errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report[1]);
  if (child > 0) {
    int reported = 0;
    ssize_t count;
    do count = read(report[0], &reported, sizeof reported);
    while (count < 0 && errno == EINTR);
    if (count == (ssize_t)sizeof reported) {
      failed = reported ? reported : EINVAL;
      while (waitpid((pid_t)child, NULL, 0) < 0 && errno == EINTR) {}
      close(child_pidfd);
    } else {
      *pid = (pid_t)child;
      *pidfd = child_pidfd;
    }
  }
  close(report[0]);
  return failed;
}

int csys_spawn(const csys_spawn_request *request, pid_t *pid, int *pidfd) {
  if (request->cgroup >= 0) return spawn_into_cgroup(request, pid, pidfd);
  int failed = spawn_plain(request, pid);
  if (failed) return failed;
  // Nobody else reaps our children, so the pid cannot have been used again.
  *pidfd = csys_pidfd_open(*pid);
  if (*pidfd >= 0) return 0;
  failed = errno;
  kill(*pid, SIGKILL);
  while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {}
  return failed;
}

int csys_spawn_detached(const char *executable, const char *const *arguments, const char *const *environment,
                        const char *directory, int input, int output, int error, int extra, pid_t *pid) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  int failed = begin_spawn(&attributes, &actions);
  if (failed) return failed;
  // dup2 onto itself clears close-on-exec in posix_spawn, so a descriptor already at its place is passed on as well.
  failed = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&actions, error, 2);
  if (!failed && extra >= 0) failed = posix_spawn_file_actions_adddup2(&actions, extra, 3);
  if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(&actions, extra >= 0 ? 4 : 3);
  if (!failed && directory) failed = posix_spawn_file_actions_addchdir_np(&actions, directory);
  if (!failed)
    failed = posix_spawn(pid, executable, &actions, &attributes, (char *const *)arguments,
                         (char *const *)environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

int csys_is_single_threaded(void) {
  // The folder of the threads has a link for each, besides its own two (proc(5)).
  struct stat status;
  return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3;
}

// Moves a descriptor to where the standard ones do not get into its way; -1 stays -1.
static int lift(int descriptor) { return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 16); }

// In the child of csys_fork_detached. The parent had one thread, so that everything may be called.
static int detach(int input, int output, int error, int extra) {
  struct sigaction standard, current;
  memset(&standard, 0, sizeof standard);
  // What is handled stays handled: these are the handlers of this very program.
  for (int number = 1; number < NSIG; number++)
    if (sigaction(number, NULL, &current) == 0 && current.sa_handler == SIG_IGN) sigaction(number, &standard, NULL);
  if (setsid() < 0) return -1;
  input = lift(input);
  output = lift(output);
  error = lift(error);
  int wants_extra = extra >= 0;
  extra = lift(extra);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) return -1;
  if (wants_extra && dup3(extra, 3, O_CLOEXEC) < 0) return -1;
  if (close_range(wants_extra ? 4 : 3, ~0u, 0) < 0) return -1;
  if (chdir("/") < 0) return -1;
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t csys_fork_detached(int input, int output, int error, int extra) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  pid_t child = fork();
  if (child == 0) {
    if (detach(input, output, error, extra) < 0) _exit(127);
    return 0;
  }
  int failed = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = failed;
  return child;
}

// The numbers that prctl wants back as they are: fields 26 to 28 and 45 to 47 of /proc/self/stat (proc(5)).
static int read_memory_map(struct prctl_mm_map *map) {
  char text[2048];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return -1;
  text[count] = 0;
  // The second field, the name, may contain anything; the last parenthesis ends it.
  char *field = strrchr(text, ')');
  uint64_t values[48] = {0};
  for (int number = 3; field && number < 48; number++) {
    field = strchr(field + 1, ' ');
    if (field) values[number] = strtoull(field + 1, NULL, 10);
  }
  if (!field) return -1;
  map->start_code = values[26];
  map->end_code = values[27];
  map->start_stack = values[28];
  map->start_data = values[45];
  map->end_data = values[46];
  map->start_brk = values[47];
  return 0;
}

static size_t copy_strings(char *place, const char *const *strings, char **copies) {
  char *next = place;
  for (; *strings; strings++) {
    size_t size = strlen(*strings) + 1;
    memcpy(next, *strings, size);
    if (copies) *copies++ = next;
    next += size;
  }
  if (copies) *copies = NULL;
  return (size_t)(next - place);
}

int csys_rename_process(const char *const *arguments, const char *const *environment) {
  size_t size = 2, count = 1;
  for (const char *const *string = arguments; *string; string++) size += strlen(*string) + 1;
  for (const char *const *string = environment; *string; string++, count++) size += strlen(*string) + 1;
  // Both live as long as the process.
  char *block = calloc(1, size);
  char **variables = calloc(count, sizeof *variables);
  if (!block || !variables) {
    free(block);
    free(variables);
    return -1;
  }
  struct prctl_mm_map map;
  memset(&map, 0, sizeof map);
  map.arg_start = (uint64_t)(uintptr_t)block;
  map.arg_end = map.arg_start + copy_strings(block, arguments, NULL);
  map.env_start = map.arg_end;
  map.env_end = map.env_start + copy_strings((char *)(uintptr_t)map.env_start, environment, variables);
  environ = variables;
  if (read_memory_map(&map) < 0) return -1;
  map.brk = (uint64_t)(uintptr_t)sbrk(0);
  map.exe_fd = ~0u;
  return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
}

ssize_t csys_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
  if (descriptor_count < 0 || descriptor_count > csys_max_descriptors) {
    errno = EINVAL;
    return -1;
  }
  union {
    char bytes[CMSG_SPACE(sizeof(int) * csys_max_descriptors)];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (descriptor_count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)descriptor_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)descriptor_count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * (size_t)descriptor_count);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

ssize_t csys_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *descriptor_count,
                     int *truncated) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * csys_max_descriptors)];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int room = *descriptor_count;
  *descriptor_count = 0;
  *truncated = 0;
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0) return -1;
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) *truncated = 1;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      if (*descriptor_count < room) {
        descriptors[(*descriptor_count)++] = descriptor;
      } else {
        close(descriptor);
        *truncated = 1;
      }
    }
  }
  return received;
}

int csys_peer_credentials(int socket, pid_t *pid, uid_t *uid) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -1;
  *pid = credentials.pid;
  *uid = credentials.uid;
  return 0;
}

int csys_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int csys_open_unnamed(const char *folder) {
  int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  // Some file systems have no O_TMPFILE.
  char path[4096];
  if (snprintf(path, sizeof path, "%s/.output-XXXXXX", folder) >= (int)sizeof path) return -1;
  file = mkostemp(path, O_CLOEXEC);
  if (file >= 0) unlink(path);
  return file;
}

int csys_device_major(uint64_t device) { return (int)major(device); }
int csys_device_minor(uint64_t device) { return (int)minor(device); }
