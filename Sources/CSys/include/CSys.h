// What `import Glibc` does not offer: PTY masters, spawning onto a terminal, pidfds, descriptor passing.
// Every function returns -1 (or an errno value where said so) and leaves the reason in errno. No macros leak from here.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A new PTY master (O_CLOEXEC, O_NOCTTY, unlocked); the slave's path goes to `path`.
int csys_open_pty(char *path, size_t path_capacity);

// The N of the slave's /dev/pts/N.
int csys_pty_number(int master);
/* Bytes that the slave's readers have not taken (in line mode: of complete lines), all that was written to the master before among them;
   an end of input counts as one. -1 with errno. */
int csys_pty_pending(int master);

typedef struct csys_spawn_request {
  const char *executable;        // absolute
  const char *const *arguments;  // NULL-terminated
  const char *const *environment;
  const char *directory;         // NULL: the caller's own
  const char *terminal;          // path of the slave: becomes descriptors 0, 1, 2 and the controlling terminal
  int cgroup;                    // descriptor of a cgroup v2 folder that the child is born into, or -1
  int64_t open_file_limit;       // soft RLIMIT_NOFILE of the child, or -1 to inherit
} csys_spawn_request;

// Starts a session leader on its own terminal with default signal dispositions, an empty signal mask and no
// descriptor above 2. Returns 0, or the errno of what failed (exec included); `pid` and `pidfd` are set on success.
// A negative errno: the kernel would not make a child inside that cgroup; nothing of the request itself was tried.
int csys_spawn(const csys_spawn_request *request, pid_t *pid, int *pidfd);

// Starts a process in a session of its own with the given descriptors as 0, 1, 2 and, when `extra` >= 0, as 3.
// Nothing else is inherited. Returns 0 or an errno value.
int csys_spawn_detached(const char *executable, const char *const *arguments, const char *const *environment,
                        const char *directory, int input, int output, int error, int extra, pid_t *pid);

// 1 when nothing but the calling thread runs in this process, so that fork leaves nothing half done in the child.
int csys_is_single_threaded(void);

// Makes a copy of this process, which must have one thread, in a session of its own with the given descriptors as 0, 1,
// 2 and, when `extra` >= 0, as 3; nothing else is inherited, signals are neither blocked nor ignored, the folder is "/".
// Returns twice: 0 in the copy, its pid here; -1 with errno.
pid_t csys_fork_detached(int input, int output, int error, int extra);

// Gives this process other arguments and another environment, as getenv and /proc (so ps, too) show them. Both arrays
// are copied. -1 with errno when the kernel does not take them (no CONFIG_CHECKPOINT_RESTORE): then ps shows the old
// ones, while getenv has the new ones all the same.
int csys_rename_process(const char *const *arguments, const char *const *environment);

// The arguments of this process, its name among them.
int csys_argument_count(void);
const char *csys_argument(int index);

// Descendants whose parents end become children of this process (PR_SET_CHILD_SUBREAPER).
int csys_adopt_orphans(void);

// How a process ended that somebody else has reaped, as wait(2) codes it: 1 when the kernel tells, 0 while it has not been reaped, -1 when the
// kernel keeps no such thing.
int csys_exit_info(int pidfd, int *status);

int csys_pidfd_open(pid_t pid);
int csys_pidfd_send_signal(int pidfd, int signal);
// 1: ended (code is CLD_*, status its value), 0: still running, -1: errno.
int csys_reap(int pidfd, int *code, int *status);
extern const int csys_cld_exited;

// One SOCK_SEQPACKET/SOCK_STREAM message with descriptors. At most csys_max_descriptors.
enum { csys_max_descriptors = 16 };
ssize_t csys_send(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count);
// `descriptor_count`: in capacity, out received. `truncated` is set when bytes or descriptors did not fit (those that
// came are still handed over). Received descriptors are close-on-exec.
ssize_t csys_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *descriptor_count,
                     int *truncated);
int csys_peer_credentials(int socket, pid_t *pid, uid_t *uid);

// Asks the scheduler to give the calling thread short turns (nanoseconds; from 100,000) and to have them sooner. Threads and processes
// that it makes are not affected. -1 with errno where the kernel does not know how (Linux before 6.12 ignores it).
int csys_prefer_short_turns(uint64_t nanoseconds);

// The nice value of the calling thread alone, and of what it starts (setpriority(2)); -1 with errno.
int csys_step_back(int nice);

// An inotify descriptor (non-blocking, close-on-exec) that becomes readable when something is taken out of the folder, or the folder itself
// goes or is moved. -1 with errno.
int csys_watch_folder(const char *path);

// An open file description lock (fcntl(2), F_OFD_SETLK) for writing on the whole file, without waiting: 0, or -1 with errno (EAGAIN: held).
int csys_lock_file(int file);
// 1: somebody else holds such a lock, 0: nobody does; -1 with errno. Takes nothing itself, so nobody is kept from taking it.
int csys_is_file_locked(int file);

// Reaps children that have ended and are not among `spared` (of count `spared_count`). Returns how many.
int csys_reap_others(const pid_t *spared, size_t spared_count);
// A signalfd (non-blocking, close-on-exec) for SIGCHLD, which is blocked from now on. -1 with errno.
int csys_watch_children(void);

int csys_pipe(int ends[2]);  // both close-on-exec
int csys_memfd(const char *name);
// A file without a name in `folder`, for reading and writing, close-on-exec.
int csys_open_unnamed(const char *folder);
void csys_give_back_freed_memory(void);
int csys_device_major(uint64_t device);
int csys_device_minor(uint64_t device);

// System call numbers of this architecture that /proc/PID/syscall shows for a blocking read, for waiting until one of
// several descriptors is ready, and for a thread that rests; -1 for one that the architecture does not have.
extern const long csys_number_of_read;
extern const long csys_number_of_readv;
extern const long csys_number_of_select;
extern const long csys_number_of_pselect;
extern const long csys_number_of_poll;
extern const long csys_number_of_ppoll;
extern const long csys_number_of_epoll_wait;
extern const long csys_number_of_epoll_pwait;
extern const long csys_number_of_epoll_pwait2;
extern const long csys_number_of_futex;
extern const long csys_number_of_sigtimedwait;

// The inode of the socket at the other end of a Unix socket of this network namespace, by its own inode, as
// sock_diag(7) tells it; 0 when it has none or is not known.
uint32_t csys_unix_peer(uint32_t inode);

// CRC-32C (Castagnoli, RFC 3720 §12.1) of `count` bytes, going on from `crc`; 0 begins. By the processor's instruction where it has one.
uint32_t csys_crc32c(uint32_t crc, const void *bytes, size_t count);

// memmem(3) and memrchr(3), which <string.h> hides without _GNU_SOURCE.
const void *csys_find(const void *bytes, size_t count, const void *wanted, size_t wanted_count);
const void *csys_find_last(const void *bytes, size_t count, int byte);
