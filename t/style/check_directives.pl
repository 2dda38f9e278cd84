#!/usr/bin/perl

# Each directive has a line in conf.examples/full.conf and a test.

use strict;
use warnings;

use RTProp::Sources;

my $full = 'conf.examples/full.conf';
my $examples = -f $full ? content($full) : '';
my $tests = join "\n", map { content($_) } files(qr{^t/(?!style/).*\.t$});

for my $file (files(qr{^(?:src/.*|[^/]*)\.c$})) {
    my $text = content($file);

    while ($text =~ /\{\s*ngx_string\("(rtprop\w*)"\),\s*NGX_\w*CONF/g) {
        my $name = $1;

        problem($file, 0, "$name has no line in $full")
            if $examples !~ /^\s*#?\s*$name\s/m;
        problem($file, 0, "$name has no test in t/")
            if $tests !~ /\b$name\b/;
    }
}

exit problems();
