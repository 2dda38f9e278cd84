/*
 * Updates that are judged while the engine holds their document.
 *
 * A compare-and-set is quick, but who comes far can lose each one to a worker
 * that writes without a pause.  So a group that has lost some waits for the
 * document as for a lock, is judged on it and writes it before anybody else.
 */

#include "hub/ngx_rtprop_hub_update.h"


static ngx_int_t ngx_rtprop_hub_group_held(ngx_rtprop_state_t *op);
static void ngx_rtprop_hub_group_let(ngx_rtprop_op_t *op);


ngx_uint_t
ngx_rtprop_hub_group_hold(ngx_rtprop_hub_doc_t *doc)
{
    ngx_int_t             rc;
    ngx_uint_t            held;
    ngx_rtprop_engine_t  *e;

    e = doc->hub->engine;

    if (e->state_held == NULL) {
        return 0;
    }

    doc->state.op.done = ngx_rtprop_hub_group_let;
    doc->state.judge = ngx_rtprop_hub_group_held;
    doc->writing = 1;

    ngx_rtprop_hub_look(doc);

    held = ngx_rtprop_hub_doc_hold(doc);
    rc = e->state_held(e, &doc->state);
    ngx_rtprop_hub_doc_let(doc, held);

    return rc == NGX_OK;
}


static ngx_int_t
ngx_rtprop_hub_group_held(ngx_rtprop_state_t *op)
{
    ngx_str_t              text;
    ngx_rtprop_hub_doc_t  *doc;

    doc = op->op.data;

    doc->sure = 1;
    doc->version = op->version;
    doc->text = op->value;

    if (op->now) {
        doc->ahead = op->now - ngx_rtprop_now();
    }

    text = doc->text;
    ngx_rtprop_hub_group_apply(doc, &text);

    return doc->writes ? ngx_rtprop_hub_group_fill(doc, &text) : NGX_DONE;
}


static void
ngx_rtprop_hub_group_let(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_doc_t  *doc;

    doc = op->data;

    if (op->rc != NGX_DONE) {
        ngx_rtprop_hub_group_was_put(op);
        return;
    }

    ngx_rtprop_hub_doc_remember(doc);
    ngx_rtprop_hub_group_end(doc);
}
