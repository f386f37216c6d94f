/* A client of a Wigwag box in C: watches a source, or pushes pictures to one, and prints what the
 * box says, a line for each message.
 *
 * It is written from the byte table of ../../WIRE.md and needs nothing but POSIX. What comes over
 * the network is input: every length is checked before it is used. Take it as a beginning of your
 * own; it connects again by itself, but does not decode JPEG or JSON.
 *
 *     cc -std=c11 -O2 -Wall -Wextra -o wigwag wigwag.c
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    SUBSCRIBE = 1, PUSH = 2, PUSH_FRAME = 3, AUTH = 4,
    WELCOME = 16, FRAME = 17, PREDICTION = 18, PING = 19, NOTICE = 20,
    ACCEPTED = 21, REFUSED = 22, PUSHED_PREDICTION = 23, ERROR = 127,
};
enum { WANT_FRAMES = 1, WANT_PREDICTIONS = 2 };
enum { HEADER_BYTES = 8, NAME_BYTES_MAX = 255, OWN_BYTES = 16 };

/* The box sends at least a PING every 5 s. */
static const time_t SILENCE_S = 15;
/* Longest message that is believed. */
static const uint32_t MESSAGE_BYTES_MAX = 64u << 20;

/* How one connection ended. */
enum end { LOST, DONE, HOPELESS };

struct message {
    uint8_t type;
    uint8_t *body; /* grows as needed, and is used again for the next message */
    uint32_t len, room;
};

static uint64_t number_at(const uint8_t *bytes, int count) {
    uint64_t number = 0;
    for (int i = 0; i < count; i++) number = number << 8 | bytes[i];
    return number;
}

static void put_number(uint8_t *bytes, uint64_t number, int count) {
    for (int i = count - 1; i >= 0; i--, number >>= 8) bytes[i] = (uint8_t)number;
}

static int send_all(int box, const void *data, size_t len) {
    const char *next = data;
    while (len > 0) {
        ssize_t sent = send(box, next, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return -1;
        next += sent;
        len -= (size_t)sent;
    }
    return 0;
}

static int send_head(int box, uint8_t type, uint32_t body_len) {
    uint8_t head[HEADER_BYTES] = {0};
    put_number(head, (uint64_t)body_len + 4, 4); /* the length counts all but itself */
    head[4] = 1;                                 /* version */
    head[5] = type;
    return send_all(box, head, sizeof head);
}

/* AUTH if there is a token, then SUBSCRIBE or PUSH. */
static int send_opening(int box, uint8_t type, uint8_t want, const char *source) {
    const char *token = getenv("WIGWAG_TOKEN");
    size_t token_len = token == NULL ? 0 : strlen(token), name_len = strlen(source);
    if (token_len > NAME_BYTES_MAX || name_len > NAME_BYTES_MAX) {
        fprintf(stderr, "error: the token or the source's name is longer than 255 bytes\n");
        exit(2);
    }
    if (token_len > 0 && (send_head(box, AUTH, (uint32_t)token_len) != 0
                          || send_all(box, token, token_len) != 0)) return -1;
    uint8_t body[2 + NAME_BYTES_MAX] = {want, (uint8_t)name_len};
    memcpy(body + 2, source, name_len);
    if (send_head(box, type, 2 + (uint32_t)name_len) != 0) return -1;
    return send_all(box, body, 2 + name_len);
}

static int receive_all(int box, uint8_t *data, uint32_t len) {
    while (len > 0) {
        ssize_t count = recv(box, data, len, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return -1;
        data += count;
        len -= (uint32_t)count;
    }
    return 0;
}

/* The next message; memory grows with what comes, not with what a length claims. */
static int receive(int box, struct message *message) {
    uint8_t head[HEADER_BYTES];
    if (receive_all(box, head, sizeof head) != 0) return -1;
    uint64_t length = number_at(head, 4);
    if (head[4] != 1 || length < 4 || length > MESSAGE_BYTES_MAX) {
        fprintf(stderr, "error: what answers does not speak version 1 of the wire protocol\n");
        exit(1);
    }
    message->type = head[5];
    message->len = 0;
    for (uint32_t left = (uint32_t)length - 4; left > 0;) {
        uint32_t part = left < 65536 ? left : 65536;
        if (message->room - message->len < part) {
            uint32_t room = message->room * 2 + part;
            uint8_t *body = realloc(message->body, room);
            if (body == NULL) return -1;
            message->body = body;
            message->room = room;
        }
        if (receive_all(box, message->body + message->len, part) != 0) return -1;
        message->len += part;
        left -= part;
    }
    return 0;
}

/* Text or JSON from `offset` to the end of the message. What is not printable is left out: it comes
 * from the network, and goes to a terminal. */
static void print_text(const struct message *message, uint32_t offset) {
    for (uint32_t i = offset; i < message->len; i++)
        if (message->body[i] >= 32 && message->body[i] != 127) putchar(message->body[i]);
    putchar('\n');
}

/* Whether an ERROR is of those that WIRE.md says "no" to, or that need another config. */
static int is_hopeless(uint64_t code) {
    switch (code) {
    case 1: case 2: case 3: case 4: case 5: case 9: case 10: case 11:
    case 13: case 20: case 23: case 26: case 28: case 29: return 1;
    default: return 0;
    }
}

/* Fewest bytes that the body of a type has. */
static uint32_t body_bytes_min(uint8_t type) {
    switch (type) {
    case FRAME: case PUSHED_PREDICTION: return 24;
    case NOTICE: return 18;
    case PREDICTION: case ACCEPTED: return 16;
    case REFUSED: return 10;
    case ERROR: return 2;
    default: return 0;
    }
}

/* Prints one message. LOST: go on reading; DONE: it was the last that `own` waited for. */
static enum end told(const struct message *message, uint64_t own) {
    const uint8_t *body = message->body;
    if (message->len < body_bytes_min(message->type)) {
        fprintf(stderr, "error: a message of type %d is cut\n", message->type);
        return HOPELESS;
    }
    enum end end = LOST;
    switch (message->type) {
    case WELCOME:
        printf("welcome ");
        print_text(message, 0);
        break;
    case FRAME:
        printf("frame %llu %llu %llux%llu %u\n", (unsigned long long)number_at(body, 8),
               (unsigned long long)number_at(body + 8, 8),
               (unsigned long long)number_at(body + 16, 4),
               (unsigned long long)number_at(body + 20, 4), message->len - 24);
        break; /* the JPEG begins at body + 24 */
    case PREDICTION:
        printf("prediction %llu ", (unsigned long long)number_at(body, 8));
        print_text(message, 16);
        break;
    case NOTICE: {
        uint32_t text_end = 18 + (uint32_t)number_at(body + 16, 2);
        struct message text = *message;
        text.len = text_end < message->len ? text_end : message->len;
        printf("notice ");
        print_text(&text, 18);
        break; /* a JPEG that says the same begins at body + text_end */
    }
    case ACCEPTED:
        printf("accepted %llu %llu\n", (unsigned long long)number_at(body, 8),
               (unsigned long long)number_at(body + 8, 8));
        break;
    case REFUSED:
        printf("refused %llu ", (unsigned long long)number_at(body, 8));
        print_text(message, 10);
        if (number_at(body, 8) == own) end = DONE; /* no prediction comes of it */
        break;
    case PUSHED_PREDICTION:
        printf("predicted %llu ", (unsigned long long)number_at(body, 8));
        print_text(message, 24);
        if (number_at(body, 8) == own) end = DONE;
        break;
    case ERROR:
        printf("error %llu ", (unsigned long long)number_at(body, 2));
        print_text(message, 2);
        if (is_hopeless(number_at(body, 2))) end = HOPELESS;
        break;
    default: /* PING, and what later versions may send, is passed over */
        break;
    }
    fflush(stdout);
    return end;
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int box = -1;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    for (struct addrinfo *at = found; at != NULL && box < 0; at = at->ai_next) {
        struct timeval silence = {.tv_sec = SILENCE_S};
        box = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (box < 0) continue;
        setsockopt(box, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
        setsockopt(box, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
        if (connect(box, at->ai_addr, at->ai_addrlen) != 0) {
            close(box);
            box = -1;
        }
    }
    freeaddrinfo(found);
    return box;
}

static enum end watch(int box, struct message *message, const char *source) {
    if (send_opening(box, SUBSCRIBE, WANT_FRAMES | WANT_PREDICTIONS, source) != 0) return LOST;
    while (receive(box, message) == 0) {
        enum end end = told(message, UINT64_MAX);
        if (end != LOST) return end;
    }
    return LOST;
}

/* A whole file; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, uint32_t *len) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0) size = ftell(file);
    if (size > 0 && size < (long)MESSAGE_BYTES_MAX && fseek(file, 0, SEEK_SET) == 0) {
        data = malloc((size_t)size);
        if (data != NULL && fread(data, 1, (size_t)size, file) != (size_t)size) {
            free(data);
            data = NULL;
        }
    }
    if (file != NULL) fclose(file);
    *len = (uint32_t)size;
    return data;
}

static int push_file(int box, const char *path, uint64_t number) {
    uint32_t len = 0;
    uint8_t *jpeg = read_file(path, &len);
    if (jpeg == NULL) {
        fprintf(stderr, "error: `%s` cannot be read\n", path);
        exit(1);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint8_t own[OWN_BYTES];
    put_number(own, number, 8);
    put_number(own + 8, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, 8);
    int is_sent = send_head(box, PUSH_FRAME, OWN_BYTES + len) == 0
        && send_all(box, own, sizeof own) == 0 && send_all(box, jpeg, len) == 0;
    free(jpeg);
    return is_sent ? 0 : -1;
}

/* Pushes files one by one, each when that before it has its prediction. `*next` is the first that
 * has none yet: a new connection goes on there. */
static enum end push(int box, struct message *message, const char *source, char **files,
                     int count, int *next) {
    if (send_opening(box, PUSH, WANT_PREDICTIONS, source) != 0) return LOST;
    int is_under_way = 0;
    while (receive(box, message) == 0) {
        enum end end = told(message, (uint64_t)*next);
        if (end == HOPELESS) return end;
        if (message->type == PING && is_under_way) {
            /* Nothing came for 5 s: recognition has passed this one over. */
            printf("unseen %d\n", *next);
            end = DONE;
        }
        if (end == DONE) {
            is_under_way = 0;
            if (++*next == count) return DONE;
        }
        if (!is_under_way && (message->type == WELCOME || end == DONE)) {
            if (push_file(box, files[*next], (uint64_t)*next) != 0) return LOST;
            is_under_way = 1;
        }
    }
    return LOST;
}

int main(int argc, char **argv) {
    int is_push = argc > 5 && strcmp(argv[1], "push") == 0;
    if (!is_push && !((argc == 4 || argc == 5) && strcmp(argv[1], "watch") == 0)) {
        fprintf(stderr, "usage: wigwag watch HOST PORT [SOURCE]\n"
                        "       wigwag push HOST PORT SOURCE JPEG...\n"
                        "A token, if the box wants one, is taken from WIGWAG_TOKEN.\n");
        return 2;
    }
    struct message message = {0};
    enum end end = LOST;
    int next = 0;
    while (end == LOST) {
        int box = connect_to(argv[2], argv[3]);
        if (box >= 0) {
            const char *source = argc > 4 ? argv[4] : "";
            end = is_push ? push(box, &message, source, argv + 5, argc - 5, &next)
                          : watch(box, &message, source);
            close(box);
        }
        if (end == LOST) {
            struct timespec pause = {.tv_nsec = 500000000};
            fprintf(stderr, "%s:%s: connecting again\n", argv[2], argv[3]);
            nanosleep(&pause, NULL);
        }
    }
    free(message.body);
    return end == DONE ? 0 : 1;
}
