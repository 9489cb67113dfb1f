/* NVML's symbols as the real pynvml calls them, for machines without a card. Compiled by a fixture as libnvidia-ml.so.1.
 *
 * Two cards, or as many as NVML_STUB_CARDS says. The mode is the content of the file named by NVML_STUB_FILE, read at
 * every call, else the variable NVML_STUB: normal, missing (card 1 has no temperature, no fan, no process memory), old
 * (no second version of the memory call), lost (card 1 is gone), xid (card 1 told Xid 79, then is gone), hang, crash,
 * no_permission, not_loaded, mismatch, empty (no card), mig (card 0 is cut into a 3g.20gb and a 1g.5gb slice at the
 * places 0 and 3, has no utilization, and lists processes only slice by slice), unlimited (no card takes a power limit),
 * forbidden (only an administrator may set it), deaf (it is taken and forgotten). The limit of card N that was set is
 * kept in the file NVML_STUB_FILE + ".limit" + N, so that another process finds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, TOO_SMALL = 7, NOT_LOADED = 9, NOT_FOUND_HERE = 6, TIMED_OUT = 10, NOT_FOUND = 13, LOST = 15, MISMATCH = 18 };
typedef struct { unsigned long long total, free, used; } memory_v1;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process;
typedef long device; /* index + 1, as a pointer-sized number */

static int mode(const char *name) {
    static char text[64];
    const char *path = getenv("NVML_STUB_FILE"), *named = getenv("NVML_STUB");
    FILE *file = path ? fopen(path, "r") : NULL;
    text[0] = 0;
    if (file) {
        if (fscanf(file, "%63s", text) != 1) text[0] = 0;
        fclose(file);
    } else if (named) {
        strncpy(text, named, sizeof text - 1);
    }
    return strcmp(text, name) == 0;
}

enum { SLICE = 100 };
static int is_slice(device which) { return which > SLICE; } /* SLICE + 1 and SLICE + 4: the places of card 0 */
static int card(device which) { return is_slice(which) ? 0 : (int)which - 1; }
static unsigned cards(void) {
    const char *named = getenv("NVML_STUB_CARDS");
    return named ? (unsigned)atoi(named) : 2;
}

static int state(device which) {
    if (mode("hang")) for (;;) pause();
    if (mode("crash")) *(volatile int *)0 = 1;
    return card(which) == 1 && (mode("lost") || mode("xid")) ? LOST : OK;
}

#define READ(which, code) do { int state_now = state(which); if (state_now) return state_now; code; return OK; } while (0)

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    if (mode("no_permission")) return NO_PERMISSION;
    if (mode("not_loaded")) return NOT_LOADED;
    if (mode("mismatch")) return MISMATCH;
    return OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { (void)code; return "stub error"; }

int nvmlDeviceGetCount_v2(unsigned *count) { *count = mode("empty") ? 0 : cards(); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *out) {
    if (index >= cards()) return INVALID;
    *out = (device)index + 1;
    return OK;
}
int nvmlDeviceGetName(device which, char *out, unsigned size) {
    if (is_slice(which)) READ(which, snprintf(out, size, "Stub RTX 4000 MIG %s", which == SLICE + 1 ? "3g.20gb" : "1g.5gb"));
    READ(which, snprintf(out, size, "Stub RTX %d", 4000 + 1000 * card(which)));
}
int nvmlDeviceGetUUID(device which, char *out, unsigned size) { 
    if (is_slice(which)) READ(which, snprintf(out, size, "MIG-stub-%d", (int)which - SLICE - 1));
    if (mode("xid")) { snprintf(out, size, "GPU-stub-%d", card(which)); return OK; }
    READ(which, snprintf(out, size, "GPU-stub-%d", card(which)));
}
int nvmlDeviceGetMemoryInfo(device which, memory_v1 *out) {
    READ(which, out->total = 24ULL << 30; out->used = 3ULL << 30; out->free = 21ULL << 30);
}
int nvmlDeviceGetMemoryInfo_v2(device which, memory_v2 *out) {
    if (mode("old")) return NOT_FOUND;
    if (is_slice(which)) {
        unsigned long long total = which == SLICE + 1 ? 20ULL << 30 : 5ULL << 30;
        READ(which, out->total = total; out->reserved = 0; out->used = 1ULL << 30; out->free = total - out->used);
    }
    READ(which, out->total = 24ULL << 30; out->reserved = 1ULL << 30; out->used = 2ULL << 30; out->free = 21ULL << 30);
}
int nvmlDeviceGetUtilizationRates(device which, utilization *out) {
    if (is_slice(which) || (mode("mig") && card(which) == 0)) return NOT_SUPPORTED;
    READ(which, out->gpu = 38 + (unsigned)card(which); out->memory = 12);
}
int nvmlDeviceGetTemperature(device which, unsigned sensor, unsigned *out) {
    if (sensor != 0) return INVALID;
    if (card(which) == 1 && mode("missing")) return NOT_SUPPORTED;
    READ(which, *out = 61);
}
int nvmlDeviceGetPowerUsage(device which, unsigned *out) { READ(which, *out = 215500); }
static const char *limit_file(device which) {
    static char path[512];
    const char *named = getenv("NVML_STUB_FILE");
    snprintf(path, sizeof path, "%s.limit%d", named ? named : "", card(which));
    return path;
}
static unsigned kept_limit(device which) {
    unsigned watts = 320000;
    FILE *file = getenv("NVML_STUB_FILE") ? fopen(limit_file(which), "r") : NULL;
    if (file) {
        if (fscanf(file, "%u", &watts) != 1) watts = 320000;
        fclose(file);
    }
    return watts;
}
int nvmlDeviceGetEnforcedPowerLimit(device which, unsigned *out) { READ(which, *out = kept_limit(which)); }
int nvmlDeviceGetPowerManagementLimit(device which, unsigned *out) {
    if (mode("unlimited")) return NOT_SUPPORTED;
    READ(which, *out = kept_limit(which));
}
int nvmlDeviceGetPowerManagementDefaultLimit(device which, unsigned *out) { READ(which, *out = 320000); }
int nvmlDeviceGetPowerManagementLimitConstraints(device which, unsigned *low, unsigned *high) {
    if (mode("unlimited")) return NOT_SUPPORTED;
    READ(which, *low = 150000; *high = 350000);
}
int nvmlDeviceSetPowerManagementLimit(device which, unsigned limit) {
    FILE *file;
    int now = state(which);
    if (now) return now;
    if (mode("forbidden")) return NO_PERMISSION;
    if (limit < 150000 || limit > 350000) return INVALID;
    if (mode("deaf") || !getenv("NVML_STUB_FILE")) return OK;
    file = fopen(limit_file(which), "w");
    if (!file) return NO_PERMISSION;
    fprintf(file, "%u", limit);
    fclose(file);
    return OK;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, device *out) {
    unsigned index;
    if (sscanf(uuid, "GPU-stub-%u", &index) != 1 || index >= cards()) return NOT_FOUND_HERE;
    *out = (device)index + 1;
    return OK;
}
int nvmlDeviceGetFanSpeed(device which, unsigned *out) {
    if (card(which) == 1 && mode("missing")) return NOT_SUPPORTED;
    READ(which, *out = 44);
}
int nvmlDeviceGetClockInfo(device which, unsigned type, unsigned *out) { READ(which, *out = type == 1 ? 2520 : 10501); }
int nvmlDeviceGetMaxClockInfo(device which, unsigned type, unsigned *out) { READ(which, *out = type == 1 ? 3105 : 10501); }
int nvmlDeviceGetPcieThroughput(device which, unsigned counter, unsigned *out) { READ(which, *out = counter == 1 ? 1000 : 500); }
int nvmlDeviceGetCurrentClocksEventReasons(device which, unsigned long long *out) {
    READ(which, *out = card(which) == 0 ? 0x4 | 0x20 : 0x1);
}

int nvmlDeviceGetTotalEccErrors(device which, unsigned type, unsigned counter, unsigned long long *out) {
    if (card(which) != 0 || type != 1 || counter != 0) return NOT_SUPPORTED;
    READ(which, *out = 0);
}

/* MIG: two slices at the places 0 and 3 of card 0 */
int nvmlDeviceGetMigMode(device which, unsigned *now, unsigned *pending) {
    if (!mode("mig")) return NOT_SUPPORTED;
    READ(which, *now = *pending = card(which) == 0);
}
int nvmlDeviceGetMaxMigDeviceCount(device which, unsigned *out) { READ(which, *out = 7); }
int nvmlDeviceGetMigDeviceHandleByIndex(device which, unsigned index, device *out) {
    if (card(which) != 0 || (index != 0 && index != 3)) return NOT_FOUND_HERE;
    READ(which, *out = SLICE + 1 + (device)index);
}
int nvmlDeviceGetGpuInstanceId(device which, unsigned *out) { READ(which, *out = which == SLICE + 1 ? 2 : 9); }
int nvmlDeviceGetComputeInstanceId(device which, unsigned *out) { READ(which, *out = 0); }

/* Xid events: one of card 1 when the mode says so */
typedef struct { device which; unsigned long long type, data; unsigned gpu_instance, compute_instance; } event;
static int told_xid;
int nvmlEventSetCreate(long *set) { *set = 7; return OK; }
int nvmlEventSetFree(long set) { (void)set; return OK; }
int nvmlDeviceRegisterEvents(device which, unsigned long long types, long set) {
    (void)set;
    if (types != 8) return INVALID;
    READ(which, (void)0);
}
int nvmlEventSetWait_v2(long set, event *out, unsigned timeout) {
    (void)set;
    if (timeout != 0) return INVALID;
    if (mode("hang")) for (;;) pause();
    if (!mode("xid") || told_xid) return TIMED_OUT;
    told_xid = 1;
    out->which = 2;
    out->type = 8;
    out->data = 79;
    return OK;
}

static int list(device which, unsigned *count, process *out, unsigned number, unsigned pid) {
    int now = state(which);
    if (now) return now;
    if (*count < number) {
        *count = number;
        return number ? TOO_SMALL : OK;
    }
    *count = number;
    if (number) {
        out[0].pid = pid;
        out[0].used = mode("missing") ? ~0ULL : 1536ULL << 20;
        out[0].gpu_instance = out[0].compute_instance = ~0U;
    }
    return OK;
}
static unsigned known_pid(void) {
    const char *named = getenv("NVML_STUB_PID");
    return named ? (unsigned)atoi(named) : (unsigned)getpid();
}
int nvmlDeviceGetComputeRunningProcesses_v3(device which, unsigned *count, process *out) {
    if (mode("mig") && card(which) == 0) return list(which, count, out, is_slice(which), known_pid() + (which > SLICE + 1));
    return list(which, count, out, 1, known_pid());
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(device which, unsigned *count, process *out) {
    return list(which, count, out, card(which) == 0 && !mode("mig") ? 1 : 0, known_pid());
}
