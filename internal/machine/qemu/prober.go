package qemu

import "encoding/binary"

// The prober is a guest that does what every kernel does first and nothing
// else: it goes from real through protected to long mode with paging, runs
// from memory, works for a while, and takes interrupts of the local APIC's
// timer. Then it ends QEMU with a status that nothing else gives. For i386 it
// stays in protected mode. (Intel SDM volume 3: 9.9 mode switching, 4.3 and
// 4.5 paging, 6.11 and 6.14 interrupts, 10.5.4 APIC timer.)
//
// The work is what tells a processor from its imitation: there are hosts
// whose /dev/kvm interprets one instruction at a time, a million in a second,
// so that all of this runs and no kernel ever comes up.
const (
	proberSize   = 64 << 10 // ends at 4 GiB, where the processor begins
	proberROM    = 1<<32 - proberSize
	proberRAM    = 0x10000  // where it copies itself
	proberTicks  = 20       // timer interrupts it waits for
	proberWork   = 20 << 20 // rounds of its loop: 20 ms for a processor, 100 ms for TCG
	proberPort   = 0xf4     // isa-debug-exit's
	proberValue  = 0x31
	proberStatus = proberValue<<1 | 1 // QEMU's exit status for that value
)

// Offsets of its pieces in the ROM, and in memory from proberRAM on.
const (
	atReal      = 0x000
	atProtected = 0x040
	atCopy      = 0x080
	atWork      = 0x100
	atTick      = 0x180
	atGDT       = 0x1c0
	atROMGDTR   = 0x1e0
	atRAMGDTR   = 0x1e8
	atIDTR      = 0x1f0
	atReset     = 0xfff0
)

// What it builds in low memory: page tables (each one page), the interrupt
// descriptor table, and the stack downwards from its end.
const (
	pml4      = 0x1000
	pdpt      = 0x2000
	lowPages  = 0x3000 // page directory of the first GiB
	highPages = 0x4000 // of the fourth GiB, which holds the APIC
	idt       = 0x5000
	tables    = 0x5000 // their size in all
	counter   = 0x7000 // what the loop counts in
	stack     = 0x9000
)

const (
	apic      = 0xfee00000
	apicEntry = highPages + (apic-3<<30)>>21*8 // of its 2 MiB page
	apicLarge = pml4 + apic>>22*4              // of its 4 MiB page, in the only directory of i386
	vector    = 0x20

	code32, data, code64 = 0x08, 0x10, 0x18 // selectors
)

// prober returns the guest for a processor as a firmware image.
func prober(arch string) []byte {
	rom := make([]byte, proberSize)
	enter, gate, selector := enterLongMode(), uint32(idt+vector*16), uint32(code64)
	if arch == "i386" {
		enter, gate, selector = enterPaging(), idt+vector*8, code32
	}
	for _, piece := range []struct {
		at   int
		code [][]byte
	}{
		{atReset, [][]byte{
			{0xe9, 0x0d, 0x00}, // jmp atReal (0xfff3 + 0xd, in 16 bits)
		}},
		{atReal, realMode()},
		{atProtected, protectedMode()},
		{atCopy, enter},
		{atWork, work(gate, selector)},
		{atTick, tick()},
		{atGDT, [][]byte{
			make([]byte, 8),
			{0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0}, // code32: 4 GiB, execute and read
			{0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0}, // data: 4 GiB, read and write
			{0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0}, // code64
		}},
		{atROMGDTR, [][]byte{{31, 0}, le32(proberROM + atGDT)}},
		{atRAMGDTR, [][]byte{{31, 0}, le32(proberRAM + atGDT)}},
		{atIDTR, [][]byte{{0xff, 0x0f}, le32(idt), le32(0)}},
	} {
		at := piece.at
		for _, c := range piece.code {
			at += copy(rom[at:], c)
		}
	}
	return rom
}

func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func realMode() [][]byte {
	return [][]byte{
		{0xfa}, // cli
		{0x66, 0x2e, 0x0f, 0x01, 0x16, atROMGDTR & 0xff, atROMGDTR >> 8}, // lgdt cs:[romGDTR]
		{0x0f, 0x20, 0xc0}, // mov eax, cr0
		{0x0c, 0x01},       // or al, 1 (PE)
		{0x0f, 0x22, 0xc0}, // mov cr0, eax
		{0x66, 0xea},       // jmp code32:protected
		le32(proberROM + atProtected), {code32, 0},
	}
}

func protectedMode() [][]byte {
	return [][]byte{
		{0x66, 0xb8, data, 0},   // mov ax, data
		{0x8e, 0xd8},            // mov ds, ax
		{0x8e, 0xc0},            // mov es, ax
		{0x8e, 0xd0},            // mov ss, ax
		{0xfc},                  // cld
		{0xbe}, le32(proberROM), // mov esi, ROM
		{0xbf}, le32(proberRAM), // mov edi, RAM
		{0xb9}, le32(0x1000 / 4), // mov ecx, a page
		{0xf3, 0xa5},                                  // rep movsd
		{0xea}, le32(proberRAM + atCopy), {code32, 0}, // jmp code32:copy
	}
}

func enterLongMode() [][]byte {
	return [][]byte{
		{0x0f, 0x01, 0x15},
		le32(proberRAM + atRAMGDTR), // lgdt [ramGDTR]
		{0xbf},
		le32(pml4), // mov edi, tables
		{0xb9},
		le32(tables / 4), // mov ecx, their size
		{0x31, 0xc0},     // xor eax, eax
		{0xf3, 0xab},     // rep stosd
		// Present and writable; 0x80: a page of 2 MiB; 0x18: not cached.
		store32(pml4, pdpt|3), store32(pdpt, lowPages|3), store32(pdpt+3*8, highPages|3),
		store32(lowPages, 0x83), store32(apicEntry, apic|0x9b),
		{0xb8},
		le32(0x20),
		{0x0f, 0x22, 0xe0}, // mov cr4, PAE
		{0xb8},
		le32(pml4),
		{0x0f, 0x22, 0xd8}, // mov cr3, pml4
		{0xb9},
		le32(0xc0000080),
		{0x0f, 0x32}, // mov ecx, EFER; rdmsr
		{0x0d},
		le32(0x100),
		{0x0f, 0x30},       // or eax, LME; wrmsr
		{0x0f, 0x20, 0xc0}, // mov eax, cr0
		{0x0d},
		le32(1 << 31),
		{0x0f, 0x22, 0xc0}, // or eax, PG; mov cr0, eax
		{0xea},
		le32(proberRAM + atWork),
		{code64, 0}, // jmp code64:long
	}
}

// enterPaging is enterLongMode for i386: one directory of 4 MiB pages.
func enterPaging() [][]byte {
	return [][]byte{
		{0x0f, 0x01, 0x15}, le32(proberRAM + atRAMGDTR), // lgdt [ramGDTR]
		{0xbf}, le32(pml4), // mov edi, tables
		{0xb9}, le32(tables / 4), // mov ecx, their size
		{0x31, 0xc0, 0xf3, 0xab},                                      // xor eax, eax; rep stosd
		store32(pml4, 0x83), store32(apicLarge, apic&^(1<<22-1)|0x9b), // as above
		{0xb8}, le32(0x10), {0x0f, 0x22, 0xe0}, // mov eax, PSE; mov cr4, eax
		{0xb8}, le32(pml4), {0x0f, 0x22, 0xd8}, // mov eax, directory; mov cr3, eax
		{0x0f, 0x20, 0xc0, 0x0d}, le32(1 << 31), {0x0f, 0x22, 0xc0}, // mov eax, cr0; or eax, PG; mov cr0, eax
		{0xea}, le32(proberRAM + atWork), {code32, 0}, // jmp code32:work
	}
}

// store32 is mov dword [address], value in 32-bit code.
func store32(address, value uint32) []byte {
	return append(append([]byte{0xc7, 0x05}, le32(address)...), le32(value)...)
}

// work is all the rest but tick. Both modes read the same bytes the same way:
// addresses are absolute, and the first half of a gate is that of i386.
func work(gate, selector uint32) [][]byte {
	const handler = proberRAM + atTick
	return [][]byte{
		{0xbc}, le32(stack), // mov esp, stack
		// An interrupt gate: 0x8e is present, ring 0, interrupt gate of the mode.
		{0xc7, 0x04, 0x25}, le32(gate), le32(selector<<16 | handler&0xffff), // mov dword [gate], …
		{0xc7, 0x04, 0x25}, le32(gate + 4), le32(handler&0xffff0000 | 0x8e00), // mov dword [gate+4], …
		{0x0f, 0x01, 0x1c, 0x25}, le32(proberRAM + atIDTR), // lidt [IDTR]
		{0xb9}, le32(proberWork), // mov ecx, rounds
		{0xff, 0x04, 0x25}, le32(counter), // work: inc dword [counter]
		{0xff, 0xc9, 0x75, 0xf5},             // dec ecx; jnz work
		{0xb0, 0xff, 0xe6, 0x21, 0xe6, 0xa1}, // mov al, 0xff; out 0x21, al; out 0xa1, al: no PIC
		{0xbb}, le32(apic),                   // mov ebx, APIC
		storeAPIC(0xf0, 0x1ff),    // spurious vector and enable
		storeAPIC(0x3e0, 0x0b),    // count every tick of its clock
		storeAPIC(0x320, vector),  // once, to our vector
		{0xb9}, le32(proberTicks), // mov ecx, ticks
		storeAPIC(0x380, 100_000), // start: 0.1 ms of a 1 GHz clock
		{0xfb},                    // sti
		{0xf4, 0xeb, 0xfd},        // wait: hlt; jmp wait
	}
}

// storeAPIC is mov dword [rbx+register], value; ebx for i386.
func storeAPIC(register, value uint32) []byte {
	return append(append([]byte{0xc7, 0x83}, le32(register)...), le32(value)...)
}

// tick is the interrupt handler.
func tick() [][]byte {
	return [][]byte{
		storeAPIC(0xb0, 0),        // end of interrupt
		{0xff, 0xc9, 0x74, 0x0c},  // dec ecx; jz done
		storeAPIC(0x380, 100_000), // start again (10 bytes)
		{0x48, 0xcf},              // iretq; for i386 dec eax, which nobody needs, and iretd
		{0xb0, proberValue},       // done: mov al, value
		{0xe6, proberPort},        // out port, al
		{0xf4, 0xeb, 0xfd},        // hlt; jmp hlt
	}
}
