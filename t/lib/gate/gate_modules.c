#include "ngx_rtprop.h"


extern ngx_module_t  gate_module;

ngx_module_t *ngx_modules[] = {
    &gate_module,
    NULL
};

char *ngx_module_names[] = {
    "gate_module",
    NULL
};

char *ngx_module_order[] = {
    NULL
};
