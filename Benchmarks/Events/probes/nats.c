// The same against NATS, with its own C client.
//
//     nats URL publish WRITERS MILLISECONDS    acknowledged publishes to a JetStream file stream, a second
//     nats URL follow COUNT                    core publish to a subscriber's callback, nanoseconds: median, 99th percentile
#include "../../Sessions/probes/wire.h"

#include <nats/nats.h>
#include <pthread.h>

static void check(natsStatus status, const char *what) {
  if (status != NATS_OK) {
    errno = 0;
    die("%s: %s", what, natsStatus_GetText(status));
  }
}

static natsConnection *connect_nats(const char *url) {
  // The client gathers what is published unless it is told to send at once.
  natsOptions *options;
  check(natsOptions_Create(&options), "options");
  check(natsOptions_SetURL(options, url), "URL");
  check(natsOptions_SetSendAsap(options, true), "send at once");
  natsConnection *connection;
  check(natsConnection_Connect(&connection, options), "connect");
  natsOptions_Destroy(options);
  return connection;
}

static char payload[400];
static int64_t end;

static void *publish(void *url) {
  natsConnection *connection = connect_nats(url);
  jsCtx *js;
  check(natsConnection_JetStream(&js, connection, NULL), "JetStream");
  long count = 0;
  while (now_ns() < end) {
    jsErrCode code;
    check(js_Publish(NULL, js, "bench.publish", payload, sizeof payload, NULL, &code), "publish");
    count++;
  }
  return (void *)count;
}

static volatile int64_t arrived;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;

static void take(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
  (void)connection, (void)subscription, (void)closure;
  pthread_mutex_lock(&mutex);
  arrived = now_ns();
  pthread_cond_signal(&came);
  pthread_mutex_unlock(&mutex);
  natsMsg_Destroy(message);
}

int main(int arguments, char **argv) {
  if (arguments < 4) die("usage: nats URL publish WRITERS MILLISECONDS | nats URL follow COUNT");
  memset(payload, 'x', sizeof payload);
  if (strcmp(argv[2], "publish") == 0) {
    natsConnection *connection = connect_nats(argv[1]);
    jsCtx *js;
    check(natsConnection_JetStream(&js, connection, NULL), "JetStream");
    jsStreamConfig stream;
    jsStreamConfig_Init(&stream);
    stream.Name = "BENCH";
    stream.Subjects = (const char *[]){"bench.>"};
    stream.SubjectsLen = 1;
    stream.Storage = js_FileStorage;
    jsErrCode code;
    natsStatus status = js_AddStream(NULL, js, &stream, NULL, &code);
    if (status != NATS_OK && code != JSStreamNameExistErr) check(status, "stream");
    int writers = atoi(argv[3]);
    pthread_t threads[256];
    int64_t began = now_ns();
    end = began + atoll(argv[4]) * 1000000;
    for (int i = 0; i < writers; i++) pthread_create(&threads[i], NULL, publish, argv[1]);
    long total = 0;
    for (int i = 0; i < writers; i++) {
      void *count;
      pthread_join(threads[i], &count);
      total += (long)count;
    }
    printf("%lld\n", (long long)(total * 1000000000.0 / (now_ns() - began)));
    return 0;
  }
  int count = atoi(argv[3]), warming = 100;
  natsConnection *subscriber = connect_nats(argv[1]), *publisher = connect_nats(argv[1]);
  natsSubscription *subscription;
  check(natsConnection_Subscribe(&subscription, subscriber, "bench.follow", take, NULL), "subscribe");
  check(natsConnection_Flush(subscriber), "flush");
  int64_t *times = calloc(count, sizeof *times);
  for (int i = -warming; i < count; i++) {
    arrived = 0;
    int64_t began = now_ns();
    check(natsConnection_Publish(publisher, "bench.follow", payload, sizeof payload), "publish");
    pthread_mutex_lock(&mutex);
    while (arrived == 0) pthread_cond_wait(&came, &mutex);
    if (i >= 0) times[i] = arrived - began;
    pthread_mutex_unlock(&mutex);
  }
  qsort(times, count, sizeof *times, compare_times);
  printf("%lld %lld\n", (long long)times[count / 2], (long long)times[count * 99 / 100]);
}
