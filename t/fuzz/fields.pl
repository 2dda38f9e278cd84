#!/usr/bin/perl

# fields.pl: writes the tables of fields and the commands that use them, as the
# worker's files declare them, as C that needs pure headers only: what clients
# may send is fuzzed against the very tables that will judge it.

use strict;
use warnings;

use RTProp::Sources;

my (%defined, %where, %include, @macros, %macro_done, @tables, @commands);

for my $file (files(qr{^src/.*\.[ch]$})) {
    my $path = $file =~ s{^src/}{}r;
    my $text = content($file);

    while ($text =~ /^\#define\s+(NGX_RTPROP_\w+|RTPROP_\w+)((?:[^\n]*\\\n)*
                     [^\n]*)/gmx)
    {
        my $name = $1;

        $defined{$name} = "#define $1$2";
        $where{$name} = $path if $path =~ m{/rtprop_\w+\.h$};
    }
}


# What a text needs: pure headers, or macros of the worker's files.

sub needs {
    my ($text) = @_;

    for my $name ($text =~ /\b((?:NGX_)?RTPROP_\w+)/g) {
        next if $macro_done{$name}++;

        if ($where{$name}) {
            $include{$where{$name}} = 1;

        } elsif ($defined{$name}) {
            needs($defined{$name} =~ s/^#define\s+\w+//r);
            push @macros, $defined{$name};
        }
    }
}


for my $file (files(qr{^src/.*/ngx_rtprop_\w+\.c$})) {
    my $text = content($file);

    while ($text =~ /^static\ const\ rtprop_field_t\s+(\w+)\[\]\ =\ \{
                     (.*?)^\};/gmsx)
    {
        needs($2);
        push @tables, [$1, $2];
    }

    while ($text =~ /^static\ ngx_rtprop_command_t\s+\w+\[\]\ =\ \{
                     (.*?)^\};/gmsx)
    {
        for my $entry (split /\},/, $1) {
            my ($name) = $entry =~ /\.name = ngx_string\("([^"]+)"\)/ or next;
            my ($aliases) = $entry =~ /\.aliases = ngx_string\("([^"]+)"\)/;
            my ($fields) = $entry =~ /\.fields = (\w+)/;

            push @commands, map { [$_, $fields // 'NULL'] }
                            $name, split ' ', $aliases // '';
        }
    }
}

die "no tables of fields found\n" if !@tables || !@commands;

print "/* made by t/fuzz/fields.pl */\n\n";
print "#include \"$_\"\n" for sort keys %include;
print "\n$_\n" for @macros;
print "\nstatic const rtprop_field_t  $_->[0]\[] = {$_->[1]};\n" for @tables;

print "\nstatic const rtprop_field_t *const  fuzz_tables[] = {\n",
      (map { "    $_->[0],\n" } @tables), "};\n";

print "\nstatic const struct {\n    const char            *name;\n",
      "    const rtprop_field_t  *fields;\n} fuzz_commands[] = {\n",
      (map { "    { \"$_->[0]\", $_->[1] },\n" } @commands), "};\n";

exit problems();
