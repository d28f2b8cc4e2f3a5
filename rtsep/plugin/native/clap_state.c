/* What a project keeps of the CLAP. */
#include "clap_instance.h"
#include <stdlib.h>

static bool state_save(const ClapPlugin *face, const ClapWriter *stream) {
    size_t bytes = 0, done = 0;
    unsigned char *data = plugin_save(of(face)->plugin, &bytes);
    while (data && done < bytes) {
        int64_t written = stream->write(stream, data + done, bytes - done);
        if (written <= 0) break;
        done += (size_t)written;
    }
    free(data);
    return data && done == bytes;
}

static unsigned char *read_all(const ClapReader *stream, size_t *bytes) {
    size_t room = 1 << 16;
    unsigned char *data = malloc(room), *larger;
    *bytes = 0;
    while (data) {
        int64_t got = stream->read(stream, data + *bytes, room - *bytes);
        if (got == 0) return data;
        if (got < 0) break;
        if ((*bytes += (size_t)got) < room) continue;
        larger = realloc(data, room *= 2);
        if (!larger) break;
        data = larger;
    }
    free(data);
    return NULL;
}

static bool state_load(const ClapPlugin *face, const ClapReader *stream) {
    Instance *one = of(face);
    const ClapHostParams *host = one->host->get_extension(one->host, CLAP_PARAMS);
    size_t bytes;
    unsigned char *data = read_all(stream, &bytes);
    bool taken = data && plugin_load(one->plugin, data, bytes);
    free(data);
    if (taken && host) host->rescan(one->host, CLAP_RESCAN_VALUES);
    if (taken && one->active) one->host->request_restart(one->host); /* What was learnt counts from then on. */
    return taken;
}

const ClapState STATE = {state_save, state_load};
