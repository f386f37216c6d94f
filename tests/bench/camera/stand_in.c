/* A V4L2 camera for programs that have none: preloaded, it answers for one device path with the JPEGs
 * of a file, at a steady pace.
 *
 *   cc -shared -fPIC -O2 -o stand_in.so stand_in.c
 *   LD_PRELOAD=./stand_in.so STAND_IN_CLIP=clip.mjpeg STAND_IN_FPS=30 ustreamer -d /dev/video0 …
 *
 * With STAND_IN_STAMP set it writes the time at which a frame was due over the digits behind `TS=` in the
 * comment that the frame begins with: 16 hexadecimal ones, microseconds since 1970.
 *
 * Only so that a neighbour that reads nothing but cameras gets the very frames that Wigwag plays from
 * a clip. One device, one reader, memory-mapped buffers, MJPEG of the clip's own size. A descriptor of
 * the device is a timer of the kernel: it is readable when a frame is due, so poll and select work.
 * Figures of the interface: linux/videodev2.h.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS_MAX = 16, FRAMES_MAX = 4096, OFFSET_STEP = 1 << 24, WIDTH = 640, HEIGHT = 480 };

static const char DEVICE[] = "/dev/video0";
static uint8_t *clip;
static size_t clip_size, frame_at[FRAMES_MAX + 1], frame_count, largest;
static long fps = 30;
static int is_stamping;
/* When the timer started, nanoseconds since 1970, and how often it has expired since. */
static uint64_t started_ns, expired;
static int device = -1;
static uint8_t *buffers[BUFFERS_MAX];
static unsigned queue[BUFFERS_MAX], queued, buffer_count;
static uint32_t sequence;

static void give_up(const char *why) {
    fprintf(stderr, "stand-in camera: %s\n", why);
    abort();
}

/* The next definition of a function: the C library's. */
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) give_up(name);
    return found;
}

static void read_clip(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) give_up("STAND_IN_CLIP cannot be read");
    fseek(file, 0, SEEK_END);
    clip_size = (size_t)ftell(file);
    rewind(file);
    clip = malloc(clip_size);
    if (!clip || fread(clip, 1, clip_size, file) != clip_size) give_up("STAND_IN_CLIP is cut short");
    fclose(file);
    for (size_t at = 0; at + 2 < clip_size && frame_count < FRAMES_MAX; at++)
        if (!memcmp(clip + at, "\xff\xd8\xff", 3)) frame_at[frame_count++] = at;
    if (!frame_count) give_up("STAND_IN_CLIP has no JPEG");
    frame_at[frame_count] = clip_size;
    for (size_t i = 0; i < frame_count; i++)
        if (frame_at[i + 1] - frame_at[i] > largest) largest = frame_at[i + 1] - frame_at[i];
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("STAND_IN_CLIP"), *pace = getenv("STAND_IN_FPS");
    if (path) read_clip(path);
    if (pace) fps = strtol(pace, NULL, 10);
    is_stamping = getenv("STAND_IN_STAMP") != NULL;
    if (fps < 2) give_up("STAND_IN_FPS is below 2");
}

static int is_device(const char *path) {
    return path && clip && !strcmp(path, DEVICE);
}

static int open_device(void) {
    queued = buffer_count = 0;
    return device = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
}

static int describe(struct stat *facts) {
    memset(facts, 0, sizeof *facts);
    facts->st_mode = S_IFCHR | 0660;
    facts->st_rdev = makedev(81, 0);
    return 0;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if (is_device(path)) return open_device();
    int (*next)(const char *, int, ...) = real("open");
    return next(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if (is_device(path)) return open_device();
    int (*next)(const char *, int, ...) = real("open64");
    return next(path, flags, mode);
}

int __open_2(const char *path, int flags) { return open(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open64(path, flags, 0); }

int stat(const char *path, struct stat *facts) {
    int (*next)(const char *, struct stat *) = real("stat");
    return is_device(path) ? describe(facts) : next(path, facts);
}

int access(const char *path, int mode) {
    int (*next)(const char *, int) = real("access");
    return is_device(path) ? 0 : next(path, mode);
}

int close(int file) {
    int (*next)(int) = real("close");
    if (file >= 0 && file == device) device = -1;
    return next(file);
}

static void *buffer_at(off64_t offset) {
    off64_t index = offset / OFFSET_STEP;
    if (index >= 0 && index < (off64_t)buffer_count) return buffers[index];
    errno = EINVAL;
    return MAP_FAILED;
}

void *mmap(void *at, size_t len, int protection, int flags, int file, off_t offset) {
    if (file >= 0 && file == device) return buffer_at(offset);
    void *(*next)(void *, size_t, int, int, int, off_t) = real("mmap");
    return next(at, len, protection, flags, file, offset);
}

void *mmap64(void *at, size_t len, int protection, int flags, int file, off64_t offset) {
    if (file >= 0 && file == device) return buffer_at(offset);
    void *(*next)(void *, size_t, int, int, int, off64_t) = real("mmap64");
    return next(at, len, protection, flags, file, offset);
}

int munmap(void *at, size_t len) {
    for (unsigned i = 0; i < buffer_count; i++)
        if (at == buffers[i]) return 0;
    int (*next)(void *, size_t) = real("munmap");
    return next(at, len);
}

static int refuse(int why) {
    errno = why;
    return -1;
}

static int query_device(struct v4l2_capability *device_is) {
    memset(device_is, 0, sizeof *device_is);
    strcpy((char *)device_is->driver, "stand-in");
    strcpy((char *)device_is->card, "stand-in");
    device_is->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    device_is->capabilities = device_is->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int describe_format(struct v4l2_format *format) {
    memset(&format->fmt, 0, sizeof format->fmt);
    format->fmt.pix.width = WIDTH;
    format->fmt.pix.height = HEIGHT;
    format->fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
    format->fmt.pix.field = V4L2_FIELD_NONE;
    format->fmt.pix.sizeimage = (uint32_t)largest;
    return 0;
}

static int describe_pace(struct v4l2_streamparm *pace) {
    memset(&pace->parm, 0, sizeof pace->parm);
    pace->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    pace->parm.capture.timeperframe.numerator = 1;
    pace->parm.capture.timeperframe.denominator = (uint32_t)fps;
    return 0;
}

static int request_buffers(struct v4l2_requestbuffers *wanted) {
    if (wanted->memory != V4L2_MEMORY_MMAP) return refuse(EINVAL);
    for (unsigned i = 0; i < BUFFERS_MAX; i++) {
        free(buffers[i]);
        buffers[i] = NULL;
    }
    if (wanted->count > BUFFERS_MAX) wanted->count = BUFFERS_MAX;
    buffer_count = wanted->count;
    for (unsigned i = 0; i < buffer_count; i++)
        if (!(buffers[i] = malloc(largest))) return refuse(ENOMEM);
    return 0;
}

static int describe_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= buffer_count) return refuse(EINVAL);
    buffer->length = (uint32_t)largest;
    buffer->m.offset = buffer->index * (uint32_t)OFFSET_STEP;
    return 0;
}

static int give_buffer(const struct v4l2_buffer *buffer) {
    if (buffer->index >= buffer_count || queued == BUFFERS_MAX) return refuse(EINVAL);
    queue[queued++] = buffer->index;
    return 0;
}

/* Place of the digits: start of the picture, a comment's marker and length, the mark. */
static void stamp(uint8_t *jpeg, size_t len) {
    enum { MARK_AT = 6, DIGITS_AT = MARK_AT + 3, DIGITS = 16 };
    if (!is_stamping || len < DIGITS_AT + DIGITS || memcmp(jpeg + MARK_AT, "TS=", 3)) return;
    char digits[DIGITS + 1];
    uint64_t us = (started_ns + expired * (1000000000 / (uint64_t)fps)) / 1000;
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)us);
    memcpy(jpeg + DIGITS_AT, digits, DIGITS);
}

static int take_frame(struct v4l2_buffer *buffer) {
    uint64_t due;
    if (!queued || read(device, &due, sizeof due) < 0) return refuse(EAGAIN);
    expired += due;
    unsigned index = queue[0];
    memmove(queue, queue + 1, --queued * sizeof *queue);
    size_t frame = sequence % frame_count, len = frame_at[frame + 1] - frame_at[frame];
    memcpy(buffers[index], clip + frame_at[frame], len);
    stamp(buffers[index], len);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->index = index;
    buffer->bytesused = (uint32_t)len;
    buffer->sequence = sequence++;
    buffer->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    return describe_buffer(buffer);
}

static int set_timer(long every_ns) {
    struct itimerspec timer = {{0, every_ns}, {0, every_ns}};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    expired = 0;
    return timerfd_settime(device, 0, &timer, NULL);
}

int ioctl(int file, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (file < 0 || file != device) {
        int (*next)(int, unsigned long, ...) = real("ioctl");
        return next(file, request, argument);
    }
    switch ((uint32_t)request) {
    case VIDIOC_QUERYCAP: return query_device(argument);
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: return describe_format(argument);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: return describe_pace(argument);
    case VIDIOC_REQBUFS: return request_buffers(argument);
    case VIDIOC_QUERYBUF: return describe_buffer(argument);
    case VIDIOC_QBUF: return give_buffer(argument);
    case VIDIOC_STREAMON: return set_timer(1000000000 / fps);
    case VIDIOC_STREAMOFF: queued = 0; return set_timer(0);
    case VIDIOC_DQBUF: return take_frame(argument);
    default: return refuse(ENOTTY);
    }
}
