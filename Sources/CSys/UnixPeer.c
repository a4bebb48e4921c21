#define _GNU_SOURCE
#include "CSys.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The peer in one answer of the kernel; 0 when it is something else than an answer with a peer.
static uint32_t peer_in(const char *bytes, size_t count) {
  struct nlmsghdr header;
  struct unix_diag_msg told;
  if (count < NLMSG_LENGTH(sizeof told)) return 0;
  memcpy(&header, bytes, sizeof header);
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > count) return 0;
  size_t place = NLMSG_LENGTH(NLMSG_ALIGN(sizeof told));
  while (place + sizeof(struct rtattr) <= header.nlmsg_len) {
    struct rtattr attribute;
    memcpy(&attribute, bytes + place, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || place + attribute.rta_len > header.nlmsg_len) return 0;
    if (attribute.rta_type == UNIX_DIAG_PEER && attribute.rta_len >= RTA_LENGTH(sizeof(uint32_t))) {
      uint32_t peer;
      memcpy(&peer, bytes + place + RTA_LENGTH(0), sizeof peer);
      return peer;
    }
    place += RTA_ALIGN(attribute.rta_len);
  }
  return 0;
}

uint32_t csys_unix_peer(uint32_t inode) {
  int asking = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (asking < 0) return 0;
  struct {
    struct nlmsghdr header;
    struct unix_diag_req request;
  } question;
  memset(&question, 0, sizeof question);
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_states = -1;
  question.request.udiag_ino = inode;
  question.request.udiag_show = UDIAG_SHOW_PEER;
  question.request.udiag_cookie[0] = question.request.udiag_cookie[1] = -1;
  uint32_t peer = 0;
  // The kernel answers within the call that asks, so that nothing has to be waited for.
  if (send(asking, &question, sizeof question, 0) == sizeof question) {
    char answer[1024];
    ssize_t count = recv(asking, answer, sizeof answer, MSG_DONTWAIT);
    if (count > 0) peer = peer_in(answer, (size_t)count);
  }
  close(asking);
  return peer;
}
