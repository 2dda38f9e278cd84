#!/usr/bin/perl

# Pure files (rtprop_*): no clock, no randomness, no input or output, no mutable
# variable at file scope.  Worker files: no call that blocks, no mutable plain
# variable at file scope.

use strict;
use warnings;

use RTProp::Sources;

my $impure = join '|', qw(
    time gettimeofday clock_gettime clock localtime localtime_r mktime
    rand random srand srandom rand_r drand48 getrandom arc4random RAND_bytes
    RAND_priv_bytes getenv setenv open fopen read write pread pwrite socket
    connect send recv sendto recvfrom accept poll select epoll_wait fork exec
    sleep usleep nanosleep exit abort printf puts putchar perror
    json_load_file json_loadf json_dump_file
);

my $blocking = join '|', qw(
    sleep usleep nanosleep clock_nanosleep poll select ppoll pselect system
    popen getaddrinfo gethostbyname gethostbyname_r gethostbyaddr getnameinfo
    res_query fopen fgets fread fsync fdatasync sync flock lockf waitpid wait
    pthread_join pthread_cond_wait sem_wait ngx_sleep ngx_msleep
    PQexec PQexecParams PQexecPrepared PQprepare PQconnectdb PQconnectdbParams
    PQreset PQgetCopyData redisCommand redisConnect redisConnectWithTimeout
    redisGetReply json_load_file json_dump_file
);

# what nginx's own interface wants writable
my $nginx_types = qr/^(?:ngx_module_t|ngx_http_module_t|ngx_command_t
    |ngx_conf_\w+_t|ngx_str_t|ngx_http_variable_t|ngx_path_init_t)\b/x;


sub calls {
    my ($file, $names, $what) = @_;
    my $number = 0;

    for my $line (split /\n/, code($file)) {
        $number++;

        while ($line =~ /(?<![\w.>])($names)\s*\(/g) {
            problem($file, $number, "$1() $what");
        }
    }
}


# Declarations of variables that somebody could change.

sub mutable {
    my ($file, $pure) = @_;

    for (statements($file)) {
        my ($number, $text) = @$_;
        my $declared = $text =~ s/\s*=.*//sr =~ s/^static\s+//r;

        # functions, their prototypes, types, constants
        next if $text =~ /\{\}$/ || $declared =~ /\(/;
        next if $declared =~ /^(?:typedef|extern)\b/;
        next if $declared =~ /^(?:struct|enum|union)\b[^;={]*(?:\{\})?\s*;/;
        next if $declared =~ /\bconst\b/ || $declared !~ /\w/;

        # worker files: nginx's tables, and tables of our own
        next if !$pure && $declared =~ $nginx_types;
        next if !$pure && $text =~ /=\s*\{/;

        problem($file, $number, "a mutable variable: "
                                . $declared =~ s/\s+/ /gr);
    }
}


for my $file (files(qr{^(?:src/.*|[^/]*)\.[ch]$})) {
    my $pure = $file =~ m{(?:^|/)rtprop_\w+\.[ch]$};

    calls($file, $impure, 'in a pure file') if $pure;
    calls($file, $blocking, 'blocks a worker') if !$pure;
    mutable($file, $pure) if $file =~ /\.c$/;
}

exit problems();
