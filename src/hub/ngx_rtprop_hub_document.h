/*
 * Resources that are JSON documents of the engine, one for each id: GET reads
 * one, PUT changes it by rules of the feature's and writes it by
 * compare-and-set.  The document's key is its channel, "prefix:id".
 */

#ifndef _NGX_RTPROP_HUB_DOCUMENT_H_INCLUDED_
#define _NGX_RTPROP_HUB_DOCUMENT_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"


typedef struct ngx_rtprop_document_s  ngx_rtprop_document_t;


typedef struct {
    const char                 *prefix;     /* of the channel */
    const char                 *name;       /* of the answer to a session */
    const char                 *missing;    /* what a refusal says: 404 */
    const char                 *changed;    /* 409 */

    /* A new one; one that was kept.  NULL: it is none, or no memory. */
    json_t                   *(*create)(void);
    json_t                   *(*parse)(const unsigned char *text, size_t len);

    /* What an answer shows of it: a new reference. */
    json_t                   *(*resource)(const json_t *json,
                                  const rtprop_str_t *id, uint64_t version);

    /*
     * Changes document->json by the command's payload; what is to be published
     * with it goes to document->update.  Called again with another document
     * when somebody was quicker.  RTPROP_OK; else the body is refused with
     * document->why, or where that has no field there was an error.
     */
    int                       (*change)(ngx_rtprop_document_t *document,
                                  int64_t now);

    /* Frees what change() has made; NULL: nothing.  May be called twice. */
    void                      (*clear)(ngx_rtprop_document_t *document);

    /* The change is kept; the answer follows. */
    void                      (*stored)(ngx_rtprop_document_t *document);
} ngx_rtprop_document_kind_t;


/* One command under way. */

struct ngx_rtprop_document_s {
    ngx_rtprop_update_t         update;
    ngx_rtprop_cmd_t           *cmd;
    json_t                     *json;
    rtprop_invalid_t            why;
    uint64_t                    version;    /* the one found; 0: none */
    const char                 *code;       /* refused with this */
    const ngx_rtprop_document_kind_t  *kind;
};


/*
 * The handler of GET: ends cmd with the resource of cmd->path[0], or a refusal.
 * For both: size is that of the kind's struct, which begins with an
 * ngx_rtprop_document_t; it is made in the command's pool, zeroed.
 */
void ngx_rtprop_document_get(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size);

/*
 * The handler of PUT: ends cmd with the resource as it is now, 201 where there
 * was none; or with a refusal, "conflict" where cmd->if_match is another
 * version.
 */
void ngx_rtprop_document_put(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size);


#endif /* _NGX_RTPROP_HUB_DOCUMENT_H_INCLUDED_ */
