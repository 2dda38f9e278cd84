#!/usr/bin/perl

# Includes point down only; siblings of rank 4 and 5 never include one another;
# pure files (rtprop_*) see no nginx, no hiredis, no libpq.

use strict;
use warnings;

use RTProp::Sources;

my @rank = (
    [qr{^base/},                        0],
    [qr{^ngx_rtprop\.h$},               0],
    [qr{^ws/},                          1],
    [qr{^session/},                     2],
    [qr{^hub/},                         3],
    [qr{^(engine/\w+|store)/},          4],
    [qr{^(features/\w+|protocols/\w+|http)/}, 5],
    [qr{^ngx_rtprop_module\.c$},        6],
);

my $pure_system = qr{^(?:assert|ctype|errno|inttypes|limits|math|stdarg|stdbool
    |stddef|stdint|stdio|stdlib|string|strings|sys/types|time
    |jansson|zlib|pcre2|openssl/\w+)\.h$}x;


# The rank of a path below src, and the folder for siblings.

sub rank {
    my ($path) = @_;

    for (@rank) {
        my ($pattern, $rank) = @$_;
        return ($rank, $1 // '') if $path =~ $pattern;
    }

    return;
}


for my $file (files(qr{^(?:src/.*|[^/]*)\.[ch]$})) {
    my $path = $file =~ s{^src/}{}r;
    my ($rank, $folder) = rank($path);
    my $pure = $path =~ m{(?:^|/)rtprop_\w+\.[ch]$};
    my ($number, $first) = (0, !$pure);

    if (!defined $rank) {
        problem($file, 0, 'is in no folder of the design');
        next;
    }

    if (!$pure && $path !~ m{(?:^|/)ngx_rtprop(?:_\w+)?\.[ch]$}) {
        problem($file, 0, 'is named neither rtprop_* nor ngx_rtprop_*');
    }

    for my $line (lines($file)) {
        $number++;
        $line =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/ or next;
        my ($kind, $name) = ($1, $2);

        # nginx's ngx_config.h decides what the system's headers declare
        problem($file, $number, "\"$name\" comes before any header of nginx's")
            if $first && $name !~ m{(?:^|/)ngx_};
        $first = 0;

        if ($kind eq '<') {
            problem($file, $number, "a pure file includes <$name>")
                if $pure && $name !~ $pure_system;
            next;
        }

        my ($to, $to_folder) = rank($name);

        if (!defined $to || !-f "src/$name") {
            problem($file, $number, "\"$name\" is no path below src");

        } elsif ($to > $rank) {
            problem($file, $number, "includes \"$name\", which is above it");

        } elsif (($rank == 4 || $rank == 5) && $to == $rank
                 && $folder ne $to_folder)
        {
            problem($file, $number, "includes its sibling \"$name\"");

        } elsif ($pure && $name !~ m{(?:^|/)rtprop_\w+\.h$}) {
            problem($file, $number, "a pure file includes \"$name\"");
        }
    }
}

exit problems();
