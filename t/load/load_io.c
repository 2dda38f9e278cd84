
/*
 * wss://: OpenSSL on a socket that does not block.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "load_io.h"


int
load_io_create(load_ctx_t *x)
{
    SSL_CTX  *ctx;

    if (!x->o->tls) {
        return 0;
    }

    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        fprintf(stderr, "rtprop-load: no TLS\n");
        return -1;
    }

    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                          |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                          |SSL_MODE_RELEASE_BUFFERS);

    x->tls = ctx;
    signal(SIGPIPE, SIG_IGN);          /* OpenSSL writes without a flag */

    if (x->o->insecure) {
        return 0;
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    if (x->o->ca ? SSL_CTX_load_verify_locations(ctx, x->o->ca, NULL) != 1
                 : SSL_CTX_set_default_verify_paths(ctx) != 1)
    {
        fprintf(stderr, "rtprop-load: %s: no certificates\n",
                x->o->ca ? x->o->ca : "the system");
        return -1;
    }

    return 0;
}


static int
load_io_start(load_ctx_t *x, load_client_t *c)
{
    SSL                 *ssl;
    struct in6_addr      addr;

    ssl = SSL_new(x->tls);
    c->ssl = ssl;

    if (ssl == NULL || SSL_set_fd(ssl, c->fd) != 1) {
        return -1;
    }

    /* an address is no name that a server could choose its certificate by */

    if (inet_pton(AF_INET, x->o->host, &addr) == 1
        || inet_pton(AF_INET6, x->o->host, &addr) == 1)
    {
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), x->o->host)
            != 1)
        {
            return -1;
        }

    } else if (SSL_set_tlsext_host_name(ssl, x->o->host) != 1
               || SSL_set1_host(ssl, x->o->host) != 1)
    {
        return -1;
    }

    SSL_set_connect_state(ssl);

    return 0;
}


int
load_io_handshake(load_ctx_t *x, load_client_t *c, int *out,
    const char **why)
{
    int   rc;
    long  verified;

    *out = 0;

    if (x->tls == NULL) {
        return 1;
    }

    if (c->ssl == NULL && load_io_start(x, c) != 0) {
        *why = "no memory";
        return -1;
    }

    ERR_clear_error();
    rc = SSL_do_handshake(c->ssl);

    if (rc == 1) {
        return 1;
    }

    rc = SSL_get_error(c->ssl, rc);

    if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE) {
        *out = rc == SSL_ERROR_WANT_WRITE;
        return 0;
    }

    verified = SSL_get_verify_result(c->ssl);

    *why = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
           : ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error())
           : "the server closed the connection";

    return -1;
}


/* What SSL_read() and SSL_write() have returned, as a socket would say it. */

static ssize_t
load_io_result(SSL *ssl, int n)
{
    if (n > 0) {
        return n;
    }

    switch (SSL_get_error(ssl, n)) {

    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;

    case SSL_ERROR_ZERO_RETURN:
        return 0;

    default:
        errno = errno && errno != EAGAIN ? errno : ECONNRESET;
        return -1;
    }
}


ssize_t
load_io_recv(load_client_t *c, char *buf, size_t size)
{
    if (c->ssl == NULL) {
        return recv(c->fd, buf, size, 0);
    }

    ERR_clear_error();

    return load_io_result(c->ssl, SSL_read(c->ssl, buf, size));
}


ssize_t
load_io_send(load_client_t *c, const char *data, size_t len)
{
    if (c->ssl == NULL) {
        return send(c->fd, data, len, MSG_NOSIGNAL);
    }

    ERR_clear_error();

    return load_io_result(c->ssl, SSL_write(c->ssl, data, len));
}


void
load_io_close(load_client_t *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;

    if (c->fd != -1) {
        close(c->fd);
        c->fd = -1;
    }
}
