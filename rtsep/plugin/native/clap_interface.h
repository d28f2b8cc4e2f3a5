/* The parts of the CLAP interface, version 1, that the plug-in uses. Layouts and numbers are those of its public documentation;
 * the names are our own. Threads: "main" is the host's main thread, "audio" is the thread that processes. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#if defined(_WIN32)
#define CLAP_EXPORT __declspec(dllexport)
#else
#define CLAP_EXPORT __attribute__((visibility("default")))
#endif

typedef struct ClapVersion {
    uint32_t major, minor, revision;
} ClapVersion;

typedef struct ClapDescriptor {
    ClapVersion version;
    const char *id, *name, *vendor, *url, *manual_url, *support_url, *release, *description;
    const char *const *features; /* ends with NULL */
} ClapDescriptor;

typedef struct ClapHost {
    ClapVersion version;
    void *own;
    const char *name, *vendor, *url, *release;
    const void *(*get_extension)(const struct ClapHost *, const char *id);
    void (*request_restart)(const struct ClapHost *);  /* asks to be deactivated and activated */
    void (*request_process)(const struct ClapHost *);
    void (*request_callback)(const struct ClapHost *); /* asks for a call of on_main_thread */
} ClapHost;

/* --- events --- */

enum { CLAP_CORE_EVENTS = 0 };
enum { CLAP_NOTE_ON = 0, CLAP_NOTE_OFF = 1, CLAP_NOTE_CHOKE = 2, CLAP_PARAM_VALUE = 5, CLAP_MIDI = 10 };

typedef struct {
    uint32_t size, time; /* size of the whole event in bytes; time in samples from the block's begin */
    uint16_t space, type;
    uint32_t flags;
} ClapEvent;

typedef struct {
    ClapEvent header;
    int32_t note;
    int16_t port, channel, key; /* -1: all */
    double velocity;            /* 0 to 1 */
} ClapNote;

typedef struct {
    ClapEvent header;
    uint32_t param;
    void *cookie;
    int32_t note;
    int16_t port, channel, key;
    double value;
} ClapParamValue;

typedef struct {
    ClapEvent header;
    uint16_t port;
    uint8_t data[3];
} ClapMidi;

typedef struct ClapEventsIn {
    void *own;
    uint32_t (*size)(const struct ClapEventsIn *);
    const ClapEvent *(*get)(const struct ClapEventsIn *, uint32_t number); /* in the order of time */
} ClapEventsIn;

typedef struct ClapEventsOut {
    void *own;
    bool (*try_push)(const struct ClapEventsOut *, const ClapEvent *);
} ClapEventsOut;

/* --- sound --- */

typedef struct {
    float **data32;
    double **data64;
    uint32_t channel_count, latency;
    uint64_t constant_mask; /* channels whose samples are all the same */
} ClapBuffer;

typedef struct {
    int64_t steady_time;
    uint32_t frames;
    const void *transport;
    const ClapBuffer *in;
    ClapBuffer *out;
    uint32_t in_count, out_count;
    const ClapEventsIn *events_in;
    const ClapEventsOut *events_out;
} ClapProcess;

enum { CLAP_ERROR = 0, CLAP_CONTINUE = 1 };

typedef struct ClapPlugin {
    const ClapDescriptor *descriptor;
    void *own;
    bool (*init)(const struct ClapPlugin *);
    void (*destroy)(const struct ClapPlugin *);
    bool (*activate)(const struct ClapPlugin *, double sample_rate, uint32_t least_frames, uint32_t most_frames);
    void (*deactivate)(const struct ClapPlugin *);
    bool (*start_processing)(const struct ClapPlugin *); /* audio, as are the next three */
    void (*stop_processing)(const struct ClapPlugin *);
    void (*reset)(const struct ClapPlugin *);
    int32_t (*process)(const struct ClapPlugin *, const ClapProcess *);
    const void *(*get_extension)(const struct ClapPlugin *, const char *id); /* any thread */
    void (*on_main_thread)(const struct ClapPlugin *);
} ClapPlugin;

/* --- extensions of the plug-in --- */

#define CLAP_AUDIO_PORTS "clap.audio-ports"
#define CLAP_NOTE_PORTS "clap.note-ports"
#define CLAP_LATENCY "clap.latency" /* the host's, too */
#define CLAP_PARAMS "clap.params"   /* the host's, too */
#define CLAP_STATE "clap.state"
#define CLAP_RENDER "clap.render"
#define CLAP_LOG "clap.log" /* the host's */

enum { CLAP_TEXT = 256, CLAP_PATH = 1024 }; /* bytes of names */
enum { CLAP_PORT_IS_MAIN = 1 };

typedef struct {
    uint32_t id;
    char name[CLAP_TEXT];
    uint32_t flags, channel_count;
    const char *type; /* "mono", "stereo" */
    uint32_t in_place_pair;
} ClapAudioPort;

#define CLAP_NO_ID UINT32_MAX

typedef struct {
    uint32_t (*count)(const ClapPlugin *, bool inputs);
    bool (*get)(const ClapPlugin *, uint32_t number, bool inputs, ClapAudioPort *);
} ClapAudioPorts;

enum { CLAP_DIALECT_CLAP = 1, CLAP_DIALECT_MIDI = 2 };

typedef struct {
    uint32_t id, dialects, preferred_dialect;
    char name[CLAP_TEXT];
} ClapNotePort;

typedef struct {
    uint32_t (*count)(const ClapPlugin *, bool inputs);
    bool (*get)(const ClapPlugin *, uint32_t number, bool inputs, ClapNotePort *);
} ClapNotePorts;

typedef struct {
    uint32_t (*get)(const ClapPlugin *);
} ClapLatency;

enum { CLAP_PARAM_IS_STEPPED = 1, CLAP_PARAM_IS_BYPASS = 1 << 4, CLAP_PARAM_IS_AUTOMATABLE = 1 << 5,
       CLAP_PARAM_REQUIRES_PROCESS = 1 << 15, CLAP_PARAM_IS_ENUM = 1 << 16 };

typedef struct {
    uint32_t id, flags;
    void *cookie;
    char name[CLAP_TEXT], module[CLAP_PATH];
    double least, most, start;
} ClapParam;

typedef struct {
    uint32_t (*count)(const ClapPlugin *);
    bool (*get_info)(const ClapPlugin *, uint32_t number, ClapParam *);
    bool (*get_value)(const ClapPlugin *, uint32_t id, double *);
    bool (*value_to_text)(const ClapPlugin *, uint32_t id, double value, char *text, uint32_t room);
    bool (*text_to_value)(const ClapPlugin *, uint32_t id, const char *text, double *);
    void (*flush)(const ClapPlugin *, const ClapEventsIn *, const ClapEventsOut *); /* audio if active, else main */
} ClapParams;

typedef struct ClapReader {
    void *own;
    int64_t (*read)(const struct ClapReader *, void *to, uint64_t most); /* bytes; 0: the end; -1: an error */
} ClapReader;

typedef struct ClapWriter {
    void *own;
    int64_t (*write)(const struct ClapWriter *, const void *from, uint64_t most);
} ClapWriter;

typedef struct {
    bool (*save)(const ClapPlugin *, const ClapWriter *);
    bool (*load)(const ClapPlugin *, const ClapReader *);
} ClapState;

typedef struct {
    bool (*has_hard_realtime_requirement)(const ClapPlugin *);
    bool (*set)(const ClapPlugin *, int32_t mode); /* 0: in real time, 1: offline */
} ClapRender;

/* --- extensions of the host --- */

enum { CLAP_LOG_ERROR = 3 };
enum { CLAP_RESCAN_VALUES = 1 };

typedef struct {
    void (*log)(const ClapHost *, int32_t severity, const char *);
} ClapHostLog;

typedef struct {
    void (*changed)(const ClapHost *); /* only in activate */
} ClapHostLatency;

typedef struct {
    void (*rescan)(const ClapHost *, uint32_t flags);
    void (*clear)(const ClapHost *, uint32_t id, uint32_t flags);
    void (*request_flush)(const ClapHost *);
} ClapHostParams;

/* --- how a host finds the plug-in --- */

#define CLAP_FACTORY "clap.plugin-factory"

typedef struct ClapFactory {
    uint32_t (*count)(const struct ClapFactory *);
    const ClapDescriptor *(*descriptor)(const struct ClapFactory *, uint32_t number);
    const ClapPlugin *(*create)(const struct ClapFactory *, const ClapHost *, const char *id);
} ClapFactory;

typedef struct {
    ClapVersion version;
    bool (*init)(const char *path); /* of the file or, on macOS, of the folder */
    void (*deinit)(void);
    const void *(*get_factory)(const char *id);
} ClapEntry;
