package RTProp::Facts;

# What the sources say of the module's face: directives, commands, events,
# resources, error codes, close codes, metrics.  Read from the tables that the
# module itself registers; run it in the project's folder.

use strict;
use warnings;

use Exporter qw(import);

use RTProp::Sources qw(files content);

our @EXPORT = qw(directives variables commands events own_events resources
                 error_codes bid_codes close_codes metrics);


sub sources { map { content($_) } files(qr{^(?:src/.*|[^/]*)\.[ch]$}) }


# What the arrays of this type hold, as text.

sub tables {
    my ($type) = @_;
    my $array = qr/\n(?:static )?(?:const )?\Q$type\E\s+\w+\[\] = /;

    return map { /$array\{\n(.*?)\n\};/sg } sources();
}


# name => [contexts]

sub directives {
    my %found;
    my %levels = (MAIN => ['http'], LOC => ['location'],
                  ANY => ['http', 'server', 'location']);

    for my $text (sources()) {
        while ($text =~ /\{\s*ngx_string\("(rtprop\w*)"\),\s*
                         NGX_(?:HTTP_(MAIN|LOC)|RTPROP_(ANY))_CONF\|/gx)
        {
            $found{$1} = $levels{$2 // $3};
        }
    }

    return %found;
}


sub variables {
    return map { /ngx_string\("(rtprop_\w+)"\)/g }
           tables('ngx_http_variable_t');
}


# name => { aliases => [...], fields => { field => required } }

sub commands {
    my (%found, %fields);
    my $array = qr/\nstatic const rtprop_field_t  (\w+)\[\] = /;

    for my $text (sources()) {
        my %macro;

        while ($text =~ /^#define (\w+) +\\\n +(\{ "\w+",.*?(?:\n.*?)?\})/gm) {
            $macro{$1} = $2;
        }

        while ($text =~ /$array\{\n(.*?)\n\};/sg) {
            my ($name, $body) = ($1, $2);

            $body =~ s/\b(NGX_\w+_ID)\b/$macro{$1} \/\/ $1/ge;
            $fields{$name} = {
                map { @$_ } map { [$_->[0] => $_->[1] =~ /REQUIRED/ ? 1 : 0] }
                field_pairs($body)
            };
        }
    }

    for my $table (tables('ngx_rtprop_command_t')) {
        for my $one (split /\n\n/, $table) {
            my ($name) = $one =~ /\.name = ngx_string\("([^"]+)"\)/ or next;
            my ($aliases) = $one =~ /\.aliases = ngx_string\("([^"]+)"\)/;
            my ($table) = $one =~ /\.fields = (\w+)/;

            $found{$name} = {
                aliases => [split ' ', $aliases // ''],
                fields => $table ? $fields{$table} : {},
            };
        }
    }

    return %found;
}


sub field_pairs {
    my ($body) = @_;
    my @pairs;

    while ($body =~ /\{ "(\w+)",\s*(RTPROP_FIELD_.*?)\}/sg) {
        push @pairs, [$1, $2];
    }

    return @pairs;
}


# name => [reliable, own]

sub event_types {
    my %found;

    for my $table (tables('ngx_rtprop_event_type_t')) {
        while ($table =~ /\{\ ngx_string\("([^"]+)"\),.*?,
                          \s*([01]),\s([01])\ \}/sgx)
        {
            $found{$1} = [$2, $3];
        }
    }

    return %found;
}


# name => reliable

sub events {
    my %found = event_types();
    return map { $_ => $found{$_}[0] } keys %found;
}


# names

sub own_events {
    my %found = event_types();
    return grep { $found{$_}[1] } sort keys %found;
}


# "GET channels/{name}" => { open => 0 or 1 }

sub resources {
    my %found;

    for my $table (tables('ngx_rtprop_resource_t')) {
        for my $one (split /\n\n/, $table) {
            my ($method) = $one =~ /NGX_HTTP_([A-Z]+),/ or next;
            my ($path) = $one =~ /ngx_string\("([^"]+)"\)/ or next;

            $found{"$method $path"} = { open => $one =~ /\.open = 1/ ? 1 : 0 };
        }
    }

    return %found;
}


# The first word in quotes of a call that refuses, or a code that is set.

sub error_codes {
    my %found;
    my $word = qr/[a-z]+(?:_[a-z]+)*/;
    my $call = qr/\b\w*(?:refuse|refused|_error|reject|resume_done)\w*\(/;

    for my $text (sources()) {
        $found{$1} = 1 while $text =~ /$call[^;"]*?"($word)"/g;
        $found{$1} = 1 while $text =~ /\bcode = [^;"]*"($word)"/g;
    }

    return sort keys %found;
}


sub bid_codes {
    return sort map { /\{ "(\w+)",\s+"[^"]/g }
           map { /\{ "accepted".*?\n\};/sg ? $& : () } sources();
}


# Those that go over the wire.

sub close_codes {
    my %found;

    for my $text (sources()) {
        $found{$1} = 1 while $text =~
            /^#define (?:NGX_RTPROP_CLOSE|RTPROP_WS)_\w+\s+([14]\d{3})$/gm;
    }

    return sort keys %found;
}


# name => type

sub metrics {
    my %found;

    for my $text (sources()) {
        while ($text =~ /\{\s*ngx_string\("(rtprop_\w+)"\),\s*(?:\\\n\s*)?
                         ngx_string\("[^"]+"\),\s*(?:\\\n\s*)?
                         NGX_RTPROP_STAT_([A-Z]+)/gx)
        {
            $found{$1} = lc $2;
        }

        $found{$1} = $2 while $text =~ /"# TYPE (rtprop_\w+) (\w+)\\n"/g;
    }

    return %found;
}


1;
