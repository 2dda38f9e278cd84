#include "ngx_rtprop.h"


extern ngx_module_t  probe_module;

ngx_module_t *ngx_modules[] = {
    &probe_module,
    NULL
};

char *ngx_module_names[] = {
    "probe_module",
    NULL
};

char *ngx_module_order[] = {
    NULL
};
