#include "ops.h"


ngx_module_t *ngx_modules[] = {
    &ngx_rtprop_module,
    NULL
};

char *ngx_module_names[] = {
    "ngx_rtprop_module",
    NULL
};

char *ngx_module_order[] = {
    NULL
};
